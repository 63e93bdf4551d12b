/** What `tsgi init` can write. */
import { docker } from "./docker.ts";
import type { Initial } from "./given.ts";
import { kubernetes } from "./kubernetes.ts";
import { nginx } from "./nginx.ts";
import { systemd } from "./systemd.ts";

export const INITIALS: Readonly<Record<string, Initial>> = { systemd, nginx, docker, kubernetes };
