/** Where rules of policy are asked. */
export const POLICY_POINTS = [
  "ingress",
  "turn",
  "node",
  "tool",
  "component.http",
  "secret.read",
  "send",
  "pack.load",
  "event.publish",
] as const;

/** A place where policy decides. */
export type PolicyPoint = (typeof POLICY_POINTS)[number];
