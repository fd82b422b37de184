/** What `gtc new` writes, as data: one list of files for each template, `NAME` standing for the pack's name. */

export type PackTemplate = "app" | "provider" | "component";

/** A file of a new pack. */
export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

const IGNORE: TemplateFile = { path: ".gitignore", text: "dist/\nnode_modules/\n*.gtpack\n*.pem\n" };

const APP: readonly TemplateFile[] = [
  {
    path: "pack.toml",
    text: `[pack]
name = "NAME"
version = "0.1.0"
description = "A digital worker"
authors = []

[capabilities]
id = "greentic.cap.app.v1"
provides = ["NAME"]

[flows]
on_message = "flows/on_message.ygtc"

[assets]
cards = "assets/cards/"
i18n = "assets/i18n/"
templates = "assets/templates/"
`,
  },
  {
    path: "flows/on_message.ygtc",
    text: `id: on_message
type: messaging
schema_version: 2
title: NAME
start: ask
entrypoints: { default: ask, "command:/help": help }
nodes:
  ask:
    qa:
      questions:
        - { id: name, prompt: "{{t 'ask_name'}}", type: string }
      cancel: [cancel]
    routing:
      - { status: cancelled, to: bye }
      - { to: greeting }
  greeting:
    template.render: { asset: assets/templates/greeting.hbs, data: "{{ask.answers}}" }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{greeting.text}}", card: { asset: assets/cards/greeting.json, data: "{{ask.answers}}" } }
    routing: out
  bye:
    message.send: { text: "{{t 'bye'}}" }
    routing: out
  help:
    message.send: { text: "{{t 'help'}}" }
    routing: out
`,
  },
  { path: "assets/templates/greeting.hbs", text: "{{t 'hello'}} {{name}}!\n" },
  {
    path: "assets/cards/greeting.json",
    text: `{
  "type": "AdaptiveCard",
  "version": "1.5",
  "body": [{ "type": "TextBlock", "size": "large", "wrap": true, "text": "{{t 'hello'}} {{name}}!" }]
}
`,
  },
  {
    path: "assets/i18n/en.json",
    text: `{
  "ask_name": "What's your name?",
  "hello": "Hello",
  "bye": "Good bye!",
  "help": "Say anything and I'll ask for your name."
}
`,
  },
  {
    path: "tests/greeting.test.yaml",
    text: `name: asks for a name and greets
flow: on_message
steps:
  - says: hi
    expects: { text: "What's your name?", status: waiting, waiting: ask }
  - says: Ada
    expects: { text: { contains: "Hello Ada!" }, card: "Hello Ada!", status: done }
`,
  },
  {
    path: "README.md",
    text: `# NAME

An application pack: \`pack.toml\` says what is in it, \`flows/on_message.ygtc\` answers messages.

    gtc dev .                                        # run it, reload on change
    gtc flow doctor .                                # check the flow and all that it needs
    gtc flow test                                    # run tests/*.test.yaml
    gtc pack build .                                 # NAME-0.1.0.gtpack
    gtc pack keygen --output my-key.pem              # once
    gtc pack sign NAME-0.1.0.gtpack --key my-key.pem
    gtc pack verify NAME-0.1.0.gtpack --pubkey my-key.pub
`,
  },
  IGNORE,
];

const PROVIDER: readonly TemplateFile[] = [
  {
    path: "pack.toml",
    text: `[pack]
name = "NAME"
version = "0.1.0"
description = "A messaging provider"
authors = []

[capabilities]
id = "greentic.cap.messaging.provider.v1"
provides = ["NAME"]

[flows]
setup_default = "flows/setup.ygtc"
verify_webhooks = "flows/verify.ygtc"

# What NAME is like; docs/provider-packs.md has every key.
[provider]
provider_type = "messaging.NAME"
verify = "component"
shows = "text"
max_text_units = 2000
dedupe_ttl_seconds = 172800
pace = { per_minute = 1800, burst = 30 }
conversation_pace = { per_minute = 60, burst = 5 }

# Built of source/ingress, source/egress and source/operator.
[components.ingress.grants]
secrets = ["webhook_secret", "webhook_secret_previous"]

[components.egress.grants]
http = ["https://api.NAME.example"]
secrets = ["api_token"]

[components.operator.grants]
http = ["https://api.NAME.example"]
secrets = ["api_token", "webhook_secret"]

[assets]
i18n = "assets/i18n/"

[secrets]
required = ["api_token", "webhook_secret"]
optional = ["webhook_secret_previous"]
`,
  },
  {
    path: "flows/setup.ygtc",
    text: `id: setup
type: component-config
schema_version: 2
title: Set up NAME
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: public_base_url, prompt: "{{t 'ask_url'}}", type: string }
    routing: [{ to: done }]
  done:
    message.send: { text: "{{t 'ready'}}" }
    routing: out
`,
  },
  {
    path: "flows/verify.ygtc",
    text: `id: verify
type: component-config
schema_version: 2
title: Verify NAME
start: done
nodes:
  done:
    message.send: { text: "{{t 'verified'}}" }
    routing: out
`,
  },
  {
    path: "assets/i18n/en.json",
    text: `{
  "ask_url": "Under which URL does the platform reach this runtime?",
  "ready": "NAME is set up.",
  "verified": "NAME answers."
}
`,
  },
  {
    path: "README.md",
    text: `# NAME

A provider pack: it bridges a messaging platform and the runtime. \`flows/setup.ygtc\` asks for what the platform needs,
\`flows/verify.ygtc\` checks it. Secrets never go into flows: \`gtc secrets set\` keeps them.

\`source/ingress\` verifies and reads what NAME posts, \`source/egress\` sends, \`source/operator\` registers the webhook. They speak to
an invented platform, \`https://api.NAME.example\`: replace its paths, headers and fields by your platform's, and \`[provider]\` in
\`pack.toml\` by its limits.

    for part in ingress egress operator; do
      gtc component test source/$part                # build it, and run its cases
      gtc component build source/$part --out components/$part.wasm
    done
    gtc pack build .                                 # NAME-0.1.0.gtpack
    gtc pack validate NAME-0.1.0.gtpack
`,
  },
  IGNORE,
];

const COMPONENT: readonly TemplateFile[] = [
  {
    path: "pack.toml",
    text: `[pack]
name = "NAME"
version = "0.1.0"
description = "Components that other packs use"
authors = []

[capabilities]
id = "greentic.cap.component.v1"
provides = ["NAME"]

[components.NAME]
path = "components/NAME.wasm"
`,
  },
  {
    path: "README.md",
    text: `# NAME

A component pack: WebAssembly that other packs use, here one component written in TypeScript in \`source/\`.

    gtc component test source                        # build it, and run its test cases
    gtc component build source --out components/NAME.wasm
    gtc pack build .                                 # NAME-0.1.0.gtpack
`,
  },
  IGNORE,
];

/** The files of every template. */
export const PACK_TEMPLATES: Readonly<Record<PackTemplate, readonly TemplateFile[]>> = {
  app: APP,
  provider: PROVIDER,
  component: COMPONENT,
};
