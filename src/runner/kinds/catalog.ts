import type { KindCatalog, ResolvedKind } from "../../flow/index.ts";
import { approval } from "./approval.ts";
import { componentExec, componentOperation } from "./component-exec.ts";
import { delay } from "./delay.ts";
import { emit, emitLog } from "./emit.ts";
import { eventPublish } from "./event-publish.ts";
import { forEach } from "./for-each.ts";
import { flowCall, flowGoto, flowReturn } from "./flow-calls.ts";
import type { Kind } from "./kind.ts";
import { llmChat } from "./llm-chat.ts";
import { mcp, mcpExec } from "./mcp.ts";
import { mcpSample } from "./mcp-sample.ts";
import { messageSend } from "./message-send.ts";
import { oauthConnect } from "./oauth-connect.ts";
import { providerInvoke } from "./provider-invoke.ts";
import { qaProcess } from "./qa-process.ts";
import { qa } from "./qa.ts";
import { questions } from "./questions.ts";
import { parallel } from "./parallel.ts";
import { sagaCompensate } from "./saga-compensate.ts";
import { apply, provisionApply } from "./provision.ts";
import { plainText, renderText } from "./render-text.ts";
import { sessionWait } from "./session-wait.ts";
import { describeQuestions, emitQuestions, validate, validateAnswers } from "./setup-questions.ts";
import { stateDelete, stateGet, stateSet, varSet } from "./state.ts";
import { templateRender } from "./template-render.ts";
import { template } from "./template.ts";
import { templatingHandlebars } from "./templating-handlebars.ts";
import { timer } from "./timer.ts";
import { toolInvoke } from "./tool-invoke.ts";

const BUILT_IN: readonly Kind[] = [
  qa,
  templateRender,
  messageSend,
  emit,
  emitLog,
  toolInvoke,
  componentExec,
  flowCall,
  flowGoto,
  flowReturn,
  sessionWait,
  delay,
  timer,
  forEach,
  parallel,
  sagaCompensate,
  approval,
  oauthConnect,
  mcpSample,
  llmChat,
  mcp,
  mcpExec,
  providerInvoke,
  eventPublish,
  templatingHandlebars,
  questions,
  template,
  qaProcess,
  renderText,
  plainText,
  describeQuestions,
  emitQuestions,
  validateAnswers,
  validate,
  provisionApply,
  apply,
  stateGet,
  stateSet,
  stateDelete,
  varSet,
];

const KINDS: ReadonlyMap<string, Kind> = new Map(BUILT_IN.map((kind) => [kind.name, kind]));

/** Every node kind by name, for `doctor`, `gtc flow kinds` and the compiler; components' own operations are not in it. */
export const KIND_CATALOG: KindCatalog = KINDS;

/** The kinds of a pack: those that stand in for well-known components make room for the pack's own. */
export function kindCatalogFor(components: ReadonlySet<string>): KindCatalog {
  if (components.size === 0) return KINDS;
  const isOwn = (name: string): boolean =>
    components.has(name) || components.has(name.slice(0, Math.max(0, name.lastIndexOf("."))));
  return new Map([...KINDS].filter(([name, kind]) => kind.yieldsToComponents !== true || !isOwn(name)));
}

/**
 * Finds the kind that runs what an operation key was resolved to. Public packs name operations of components that export nothing:
 * a kind of the operation's name that stands in for such components runs those.
 */
export function kindOf(resolved: ResolvedKind | undefined, from: KindSource): Kind {
  if (resolved?.kind === "builtin") return KINDS.get(resolved.spec.name) ?? componentOperation;
  const { key, operation, isEmpty } = from;
  // The key is a component's name, or a component's and its operation's.
  const whole = isEmpty(key) ? operation : undefined;
  const part = resolved !== undefined && isEmpty(resolved.component) ? (operation ?? resolved.operation) : undefined;
  const standIn = KINDS.get(whole ?? part ?? "");
  return standIn?.yieldsToComponents === true ? standIn : componentOperation;
}

/** What else decides which kind runs a node. */
interface KindSource {
  /** The operation key. */
  readonly key: string;
  /** The operation beside the key. */
  readonly operation: string | undefined;
  /** Tells whether the pack has a component of a name, and it exports nothing. */
  readonly isEmpty: (component: string) => boolean;
}
