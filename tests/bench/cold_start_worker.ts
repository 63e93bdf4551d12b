import { toFetch } from "../../core/gateway/to_fetch.ts";
import application from "../../examples/hello.ts";

export default { fetch: toFetch(application) };
