import { randomBytes } from "node:crypto";

/** An activity as the stand-in keeps it. */
export interface StandInActivity {
  readonly type: string;
  readonly id?: string;
  readonly timestamp?: string;
  readonly text?: string;
  readonly value?: unknown;
  readonly locale?: string;
  readonly replyToId?: string;
  readonly from?: { readonly id: string; readonly role: string };
  readonly channelData?: { readonly clientActivityID?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

export type Say = (activity: StandInActivity) => void;

const CITIES = ["Amsterdam", "Tokyo", "Jakarta"];

/** The weather conversation: asks for a city with replies to choose, answers with a card that can be submitted, and says goodbye. */
export function weatherWorker(heard: StandInActivity, say: Say, tell: (event: object) => void): void {
  const text = heard.text?.toLowerCase() ?? "";
  const city = CITIES.find((name) => text.includes(name.toLowerCase()));
  if (heard.value !== undefined) {
    const { days, email } = heard.value as { days?: string; email?: string };
    tellTurn(tell, {
      nodes: [["save_choice", "state.set", { wrote: ["forecast.days", "forecast.email"] }]],
      outcome: "done",
    });
    say({
      type: "message",
      text: `Done. You get **${days ?? "3"} days** of forecast at ${email ?? "your address"} each morning.`,
    });
  } else if (text.includes("bye")) {
    say({ type: "message", text: "Goodbye. Take an umbrella." });
    say({ type: "endOfConversation", code: "completedSuccessfully" });
  } else if (text.includes("fail")) {
    tellTurn(tell, {
      nodes: [
        [
          "get_weather",
          "tool.invoke",
          { outcome: "error", status: "error", errorCode: "MCP_TOOL_TIMEOUT", target: "weather_api" },
        ],
      ],
      outcome: "error",
    });
    say({
      type: "message",
      channelData: {
        error: { code: "MCP_TOOL_TIMEOUT", help: "The weather service didn't answer in time. Try again in a minute." },
      },
    });
  } else if (text.includes("think")) {
    say({ type: "typing" });
  } else if (text.includes("file")) {
    say({ type: "message", text: "Here is what I have.", attachments: FILES });
  } else if (text.includes("long")) {
    for (let i = 1; i <= 30; i++) say({ type: "message", text: `Line ${i} of a long answer.` });
  } else if (city === undefined) {
    say({ type: "typing" });
    tellTurn(tell, { nodes: [["ask_city", "qa", { outcome: "waiting", status: "waiting" }]], outcome: "waiting" });
    say({
      type: "message",
      text: "Which city would you like the weather for?",
      inputHint: "expectingInput",
      suggestedActions: { actions: CITIES.map((name) => ({ type: "imBack", title: name, value: name })) },
    });
  } else {
    tellTurn(tell, {
      nodes: [
        ["ask_city", "qa", { wrote: ["city"] }],
        ["get_weather", "tool.invoke", { target: "weather_api.current", durationMs: 182.4 }],
        ["describe", "template.render", { durationMs: 0.3 }],
        ["show_card", "message.send", { durationMs: 0.1 }],
      ],
      outcome: "waiting",
    });
    say({
      type: "message",
      text: `It is **18 °C** in ${city}, partly cloudy.\n\n- Feels like 17 °C\n- Wind 14 km/h, from the west\n- [How this is measured](https://example.com/measured)`,
    });
    say({
      type: "message",
      inputHint: "expectingInput",
      attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content: weatherCard(city) }],
    });
  }
}

const PIXEL =
  "data:image/svg+xml;base64," +
  Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><rect width="320" height="180" fill="#8fb8d8"/><circle cx="240" cy="60" r="32" fill="#f6d26b"/></svg>',
  ).toString("base64");

const FILES = [
  { contentType: "image/svg+xml", contentUrl: PIXEL, name: "Sky over the harbour" },
  { contentType: "application/pdf", contentUrl: "https://example.com/report.pdf", name: "Report.pdf" },
  { contentType: "image/png", contentUrl: "https://example.com/map.png", name: "Map" },
];

function weatherCard(city: string): object {
  return {
    type: "AdaptiveCard",
    version: "1.5",
    body: [
      { type: "TextBlock", text: `${city}, next days`, weight: "Bolder", size: "Medium", style: "heading" },
      {
        type: "Table",
        firstRowAsHeaders: true,
        showGridLines: false,
        columns: [{ width: 2 }, { width: 1 }, { width: 1 }],
        rows: [
          ["Day", "High", "Low"],
          ["Saturday", "19°", "11°"],
          ["Sunday", "21°", "12°"],
        ].map((cells) => ({
          type: "TableRow",
          cells: cells.map((text) => ({ type: "TableCell", items: [{ type: "TextBlock", text }] })),
        })),
      },
      {
        type: "FactSet",
        facts: [
          { title: "Sunrise", value: "06:12" },
          { title: "Sunset", value: "20:47" },
        ],
      },
      { type: "Image", url: "https://example.com/radar.png", altText: "Rain radar" },
      {
        type: "Input.ChoiceSet",
        id: "days",
        label: "Days of forecast",
        value: "3",
        choices: ["1", "3", "7"].map((value) => ({ title: `${value} days`, value })),
      },
      {
        type: "Input.Text",
        id: "email",
        label: "Send it to",
        isRequired: true,
        errorMessage: "An address is needed",
        placeholder: "name@example.com",
        style: "Email",
      },
      { type: "Input.Toggle", id: "rain", title: "Only when it rains", label: "Options" },
    ],
    actions: [
      { type: "Action.Submit", title: "Send me the forecast", style: "positive", data: { action: "subscribe" } },
      { type: "Action.OpenUrl", title: "More", url: "https://example.com/weather" },
    ],
  };
}

type ScriptedNode = readonly [node: string, operation: string, extra: object];

/** Tells the events of one turn, in the shape that the engine tells them. */
function tellTurn(
  tell: (event: object) => void,
  turn: { readonly nodes: readonly ScriptedNode[]; readonly outcome: string },
): void {
  const traceId = randomBytes(16).toString("hex");
  const ctx = {
    env: "dev",
    tenant: "demo",
    team: "default",
    traceId,
    correlationId: traceId,
    attempt: 1,
    locale: "en",
  };
  const shared = { ctx, flow: "weather", pack: "weather-demo@1.0.0", atMs: Date.now() };
  tell({ kind: "message.accepted", ctx, duplicate: false, atMs: Date.now(), durationMs: 1 });
  tell({ kind: "flow.started", ...shared });
  for (const [node, operation, extra] of turn.nodes)
    tell({ kind: "node.ended", ...shared, node, operation, outcome: "ok", status: "ok", durationMs: 0.8, ...extra });
  tell({ kind: "flow.ended", ...shared, outcome: turn.outcome, durationMs: turn.nodes.length > 1 ? 185.1 : 1.4 });
  tell({ kind: "send.ended", ctx, outcome: "sent", atMs: Date.now(), durationMs: 0.6 });
}
