import { toDenoDeploy } from "../../../adapters/deno_deploy.ts";
import application from "../apps.ts";

export default toDenoDeploy(application);
