/** A certificate authority of the test's own, which openssl makes in a folder. */
import { execFileSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class Authority {
  readonly #folder: string;
  readonly ca: string;

  constructor(folder: string, name = "tsgi test") {
    this.#folder = folder;
    this.ca = join(folder, "ca.pem");
    this.#openssl("req", "-x509", ...KEY, "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "30", "-subj", `/CN=${name}`);
  }

  /** A certificate for `names`, in NAME.pem and NAME-key.pem. In place of an older one, each file is there at all times. */
  issue(name: string, names = "DNS:localhost,IP:127.0.0.1", days = 2): { readonly certificate: string; readonly key: string } {
    this.#openssl("req", ...KEY, "-keyout", "new-key.pem", "-out", "request.pem", "-subj", `/CN=${name}`);
    writeFileSync(join(this.#folder, "extensions"), `subjectAltName=${names}\n`);
    this.#openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", String(days), "-extfile", "extensions", "-out", "new.pem");
    const made = { certificate: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}-key.pem`) };
    renameSync(join(this.#folder, "new-key.pem"), made.key);
    renameSync(join(this.#folder, "new.pem"), made.certificate);
    return made;
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: ["ignore", "pipe", "pipe"] });
  }
}
