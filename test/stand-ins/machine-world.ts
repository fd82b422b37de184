/** This machine's own time and chance, for what a test's world would keep waiting for ever. */
export { createMachineWorld } from "../../src/runner/machine-world.ts";
