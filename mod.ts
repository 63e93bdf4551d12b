export type * from "./core/gateway/types.ts";
