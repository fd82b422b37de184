import { defineRoute } from "../route.ts";
import { flag, object } from "../schemas.ts";

const answer = {
  status: 200,
  description: "Whether new work is refused now",
  schema: object({ draining: flag }),
} as const;

/** Refusing new work while what is there goes on, as before a host is taken out of service. */
export const drainRoutes = [
  defineRoute({
    id: "startDraining",
    method: "POST",
    path: "/admin/v1/drain",
    summary: "Refuse new work: /readyz and everything that comes in get 503, turns and sends go on",
    scope: "host",
    role: "operator",
    effect: "change",
    action: "host.drain",
    answer,
    handle({ host: { drain } }) {
      drain.start();
      return Promise.resolve({ body: { draining: drain.isDraining() } });
    },
  }),
  defineRoute({
    id: "stopDraining",
    method: "DELETE",
    path: "/admin/v1/drain",
    summary: "Take new work again",
    scope: "host",
    role: "operator",
    effect: "change",
    action: "host.undrain",
    answer,
    handle({ host: { drain } }) {
      drain.stop();
      return Promise.resolve({ body: { draining: drain.isDraining() } });
    },
  }),
];
