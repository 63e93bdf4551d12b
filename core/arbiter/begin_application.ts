/** An application from its name to the moment when it can be served. What only some need is loaded for them alone. */
import type { Log } from "../logging/record.ts";
import type { Settings } from "../settings/table.ts";
import { AppLoadError, explain } from "./app_load_error.ts";
import { type Application, loadApplication } from "./application.ts";
import type { WorkerSystem } from "./process.ts";
import { upgradable } from "./web_sockets.ts";

/** Loads the application, puts around it what settings ask for, and awaits its startup. Throws AppLoadError. */
export async function beginApplication(system: WorkerSystem, settings: Settings, log: Log): Promise<Application> {
  const loaded = settings.interface === "wsgi"
    ? await (await import("./wsgi.ts")).loadWsgi(system, settings, log)
    : upgradable(await loadApplication(settings.app!, { ...system.loader, interface: settings.interface }), system);
  const application = await bounded(settings.lint ? await linted(loaded, log) : loaded, { system, settings, log });
  try {
    await application.startup?.();
  } catch (error) {
    const { reason, stack } = explain(error);
    throw new AppLoadError(`Cannot start ${settings.app}: startup() failed: ${reason}`, 3, stack);
  }
  return application;
}

async function bounded(application: Application, { system, settings, log }: { readonly system: WorkerSystem; readonly settings: Settings; readonly log: Log }): Promise<Application> {
  if (settings.requestTimeout === 0) return application;
  const { withRequestTimeout } = await import("./request_timeout.ts");
  return withRequestTimeout(application, { limit: settings.requestTimeout * 1000, log, isWhole: (response) => system.isWhole(response) });
}

/** The validator is loaded only where it is wanted. */
async function linted(application: Application, log: Log): Promise<Application> {
  if (application.kind !== "tsgi") return application;
  const { lint } = await import("../gateway/lint.ts");
  const onWarning = (code: string, message: string) => log("warning", "lint", { code, text: message });
  return { ...application, app: lint(application.app, { onWarning }) };
}
