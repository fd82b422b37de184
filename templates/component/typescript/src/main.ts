import { defineComponent, s } from "greentic/component-sdk";

export default defineComponent({
  name: "NAME",
  version: "0.1.0",
  summary: "Greets people",
  config: s.object({ greeting: s.optional(s.choice(["hello", "welcome"], { default: "hello" })) }),
  operations: {
    greet: {
      summary: "Greets a person by name",
      input: s.object({ name: s.string({ minLength: 1, maxLength: 100 }) }),
      output: s.object({ text: s.string() }),
      run: ({ name }, ctx) => ({ text: ctx.t(ctx.config.greeting ?? "hello", { name }) }),
    },
  },
  setup: {
    questions: [
      {
        id: "greeting",
        label: "ask.greeting",
        kind: "choice",
        default: "hello",
        options: [
          { value: "hello", label: "ask.greeting.hello" },
          { value: "welcome", label: "ask.greeting.welcome" },
        ],
      },
    ],
  },
  i18n: {
    en: {
      hello: "Hello, {{name}}!",
      welcome: "Welcome, {{name}}!",
      "setup.title": "Greetings",
      "ask.greeting": "How shall people be greeted?",
      "ask.greeting.hello": "Hello",
      "ask.greeting.welcome": "Welcome",
    },
    es: {
      hello: "¡Hola, {{name}}!",
      welcome: "¡Te damos la bienvenida, {{name}}!",
      "setup.title": "Saludos",
      "ask.greeting": "¿Cómo se saluda a la gente?",
      "ask.greeting.hello": "Hola",
      "ask.greeting.welcome": "Bienvenida",
    },
  },
});
