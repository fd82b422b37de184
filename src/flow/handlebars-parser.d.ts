/** The parser alone: the rest of Handlebars (compiler, runtime, source maps) costs 20 ms of start-up and generates code. */
declare module "handlebars/dist/cjs/handlebars/compiler/base.js" {
  const base: { readonly parse: (source: string) => unknown };
  export default base;
}
