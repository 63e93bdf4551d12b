import { toServiceWorker } from "../../../adapters/service_worker.ts";
import application from "../apps.ts";

addEventListener("fetch", toServiceWorker(application));
