import type { AdminOAuth, AdminSecrets, OAuthProviderView } from "../../admin/index.ts";
import { CALLBACK_PATH, grantState, OAUTH_CATEGORY, TENANT_SERVICE } from "../../oauth/index.ts";
import type { OAuthBroker } from "../../oauth/index.ts";
import type { EnvId, TenantId } from "../../types/index.ts";
import { GreenticError, quote, toGreenticError } from "../../types/index.ts";
import type { HostOAuth } from "../open-oauth.ts";

/** What of a host's broker its admin API shows and does. */
export function createAdminOAuth(
  oauth: HostOAuth | undefined,
  { env, secrets }: { readonly env: EnvId; readonly secrets: AdminSecrets },
): AdminOAuth {
  const broker = (provider: string): OAuthBroker => {
    if (oauth !== undefined) return oauth.broker;
    throw new GreenticError("OAUTH_PROVIDER_UNKNOWN", `Find OAuth provider ${quote(provider)}: none is declared`);
  };
  const registrationOf = (tenant: TenantId, provider: string) =>
    ({ tenant, team: "_", category: OAUTH_CATEGORY, name: `${provider}_client` }) as const;
  const view = async (tenant: TenantId, provider: string): Promise<OAuthProviderView> => {
    const { name, preset, issuer, scopes, origins, clientId } = broker(provider).providers.config(provider, tenant);
    const base = oauth?.baseUrl();
    const isTenants = clientId === undefined && (await secrets.find(registrationOf(tenant, name))) !== undefined;
    return {
      id: name,
      preset,
      issuer,
      scopes,
      origins,
      ...(base !== undefined && { redirect_uri: `${base}${CALLBACK_PATH}/${name}` }),
      registration: clientId !== undefined ? "host" : isTenants ? "tenant" : "none",
    };
  };
  return {
    providers: (tenant) =>
      Promise.all((oauth?.broker.providers.listFor(tenant) ?? []).map(({ name }) => view(tenant, name))),
    async plan(tenant, provider) {
      const { providers } = broker(provider);
      providers.config(provider, tenant);
      try {
        await providers.open(provider, { env, tenant });
      } catch (error) {
        return [toGreenticError(error, "OAUTH_PROVIDER_INVALID", "Open OAuth provider").code];
      }
      return oauth?.baseUrl() === undefined ? ["OAUTH_REQUEST_INVALID"] : [];
    },
    async register(tenant, provider, registration) {
      if (broker(provider).providers.config(provider, tenant).clientId !== undefined)
        throw new GreenticError(
          "OAUTH_REQUEST_INVALID",
          `Register at ${quote(provider)}: greentic.toml has a client_id for all of its tenants`,
        );
      await secrets.write(registrationOf(tenant, provider), JSON.stringify(registration), () => undefined);
      return view(tenant, provider);
    },
    async unregister(tenant, provider) {
      broker(provider).providers.config(provider, tenant);
      return secrets.remove(registrationOf(tenant, provider), () => undefined);
    },
    async start(tenant, { provider, service = TENANT_SERVICE, team, scopes }) {
      return broker(provider).ask({
        owner: { env, tenant, ...(team !== undefined && { team }), provider, kind: "service", id: service },
        ...(scopes !== undefined && { scopes }),
        visibility: "tenant",
        asksFirst: true,
      });
    },
    async grants(tenant) {
      const all = (await oauth?.broker.grants.list(tenant)) ?? [];
      return all.map((grant) => ({
        owner: grant.owner,
        ...(grant.subject !== undefined && { account: grant.subject }),
        scopes: grant.scopes,
        visibility: grant.visibility,
        createdAtMs: grant.createdAtMs,
        renewed: grant.generation,
        state: grantState(grant),
      }));
    },
    async revoke(tenant, owner) {
      return (await oauth?.broker.grants.revoke({ env, tenant, ...owner })) ?? false;
    },
  };
}
