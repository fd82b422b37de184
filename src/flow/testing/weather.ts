/** The example of the flow language's page, in full. */
export const WEATHER = `id: on_message
type: messaging
schema_version: 2
title: Weather
start: ask
entrypoints: { default: ask, "command:/weather": ask, "command:/help": help }
parameters: { units: celsius }
nodes:
  ask:
    qa:
      questions:
        - { id: city, prompt: "{{t 'ask_city'}}", type: string, validate: { min_length: 2 } }
        - { id: date, prompt: "{{t 'ask_date'}}", type: date, default: today }
      known: { city: "{{in.args.0}}" }
      cancel: [cancel, stop]
    routing:
      - { status: cancelled, to: bye }
      - { to: forecast }
  forecast:
    tool.invoke: { tool: weather.forecast, input: { city: "{{ask.answers.city}}", date: "{{ask.answers.date}}" } }
    timeout_ms: 10000
    retry: { max_attempts: 3, base_delay_ms: 200 }
    routing:
      - { on: error, to: sorry }
      - { to: format }
  format:
    template.render: { asset: assets/templates/forecast.hbs, data: "{{forecast.result}}" }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{format.text}}", card: { asset: assets/cards/forecast.json, data: "{{forecast.result}}" } }
    routing: out
  sorry: { message.send: { text: "{{t 'no_forecast'}}" }, routing: out }
  bye: { message.send: { text: "{{t 'bye'}}" }, routing: out }
  help: { message.send: { text: "{{t 'help'}}" }, routing: out }
`;
