/**
 * Where tsgi takes what a strict origin server would not, or does not take what it would: nothing of it is seen by tsgi, or only at a price.
 * Each row has its line, `name`, in SECURITY.md, with the remedy.
 */
export type RuntimeName = "deno" | "bun" | "node";

export interface Deviation {
  readonly name: string;
  /** Which cases, on which runtimes. */
  readonly cases: Readonly<Partial<Record<RuntimeName, readonly string[]>>>;
  /** Cases that --strict-headers mends. */
  readonly mended?: readonly string[];
  /** Cases that are the same with nginx in front; it mends all others. */
  readonly behindNginx?: readonly string[];
}

export const DEVIATIONS: readonly Deviation[] = [
  { name: "Bare LF ends a line on Deno", cases: { deno: ["L12", "L13", "F25", "F33"] }, behindNginx: ["L12", "L13", "F25", "F33"] },
  { name: "Targets are normalised on Bun", cases: { bun: ["T04", "T05", "T11", "T15", "T17", "T18"] }, behindNginx: ["T04", "T05", "T17", "T18"] },
  { name: "The authority of an absolute-form target is lost on Bun", cases: { bun: ["T22", "T23", "T25", "T26", "T30"] }, behindNginx: ["T23"] },
  { name: "Targets without a slash get one on Deno", cases: { deno: ["T26", "T27", "T33"] } },
  { name: "OPTIONS * is refused on Bun", cases: { bun: ["T33"] } },
  { name: "Several Hosts are the first one on Bun", cases: { bun: ["H04", "H05", "H06"] }, mended: ["H04", "H05", "H06"] },
  { name: "An empty port of Host is dropped on Bun", cases: { bun: ["H25"] }, behindNginx: ["H25"] },
  { name: "A missing Host is taken on Deno", cases: { deno: ["H03"] }, mended: ["H03"] },
  { name: "Bodies of GET and HEAD are not shown", cases: { deno: ["C24", "C25", "E24"], bun: ["C24", "C25", "E24"] }, behindNginx: ["C24", "C25", "E24"] },
  { name: "Other transfer codings than chunked are taken on Deno", cases: { deno: ["E18"] }, mended: ["E18"] },
  { name: "Blanks before a chunk size are passed over on Deno", cases: { deno: ["K14"] } },
  { name: "Trailers are answered twice on Bun", cases: { bun: ["K25", "R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09"] }, behindNginx: ["K25"] },
  { name: "An empty line before a request ends the connection on Bun", cases: { bun: ["P11"] } },
  { name: "Blanks in the request line are passed over on Node", cases: { node: ["L02", "L03"] }, behindNginx: ["L02", "L03"] },
  { name: "A target of * is taken for any method on Node", cases: { node: ["T32"] } },
];
