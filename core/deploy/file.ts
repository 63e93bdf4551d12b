/** A file that `tsgi init` writes. */
export interface DeployFile {
  /** Where it is made, relative to the folder asked for. */
  readonly name: string;
  /** Where it belongs, or what to do with it, for people. */
  readonly hint: string;
  readonly text: string;
}

/** What cannot be written as asked. */
export class DeployError extends Error {
  override readonly name = "DeployError";
}

/** A word that may be a file's, a unit's, a site's and a container's name. Throws DeployError. */
export function checkedName(name: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw new DeployError(`Cannot use --name: expected at most 63 small letters, digits and -, got ${JSON.stringify(name)}`);
}

/** A name that is one, made from a file's or folder's; "app" if nothing is left. */
export function nameFrom(path: string): string {
  const base = (path.split("/").findLast((part) => part !== "") ?? "").replace(/:.*$/, "").replace(/\.[cm]?[jt]sx?$/, "");
  const name = base.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "").slice(0, 63).replace(/-+$/, "");
  return name === "" ? "app" : name;
}
