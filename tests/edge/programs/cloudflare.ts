import { toCloudflare } from "../../../adapters/cloudflare.ts";
import application from "../apps.ts";

export default toCloudflare(application);
