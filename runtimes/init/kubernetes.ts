/** `tsgi init kubernetes`. */
import process from "node:process";
import { type DeployFile, DeployError } from "../../core/deploy/file.ts";
import { kubernetes as manifests } from "../../core/deploy/kubernetes.ts";
import { type Initial, type InitValues, nameOf, runtimeOf, seconds, text } from "./given.ts";

const HELP = `Usage: tsgi init kubernetes [OPTIONS] [APP]

Deployment, Service, autoscaler, disruption budget and, with a host, an Ingress, for an image as tsgi init docker makes it.

  --image IMAGE            [default: NAME:latest]
  --host HOST              The host that the Ingress sends here
  --tls                    With the certificate in the secret NAME-tls, as cert-manager makes it
  --replicas MIN-MAX       [default: 2-10]
  --scale-on METRIC=MEAN   A metric of each pod to scale by besides CPU, such as tsgi_requests_in_flight=50
  --shutdown-delay SECONDS How long traffic needs to hear that a pod leaves. [default: 10]
  --graceful-timeout SECONDS  How long its requests may take then. [default: 30]
  --runtime deno|bun       What is in the image. [default: the one that runs this]
  -n, -o, -f               As for all: tsgi init --help
`;

export const kubernetes: Initial = {
  summary: "Manifests for Kubernetes",
  help: HELP,
  options: {
    image: { type: "string" },
    host: { type: "string" },
    tls: { type: "boolean" },
    replicas: { type: "string" },
    "scale-on": { type: "string" },
    "shutdown-delay": { type: "string" },
    "graceful-timeout": { type: "string" },
    runtime: { type: "string" },
  },
  make: (given) => Promise.resolve(initKubernetes(given)),
};

function initKubernetes(given: InitValues): readonly DeployFile[] {
  const name = nameOf(given, process.cwd());
  const [replicas, scaleOn] = [text(given, "replicas") ?? "2-10", text(given, "scale-on")];
  const range = /^(\d+)-(\d+)$/.exec(replicas);
  if (range === null || Number(range[1]) < 1) throw new DeployError(`Cannot use --replicas: expected MIN-MAX such as 2-10, got ${JSON.stringify(replicas)}`);
  const isTls = given.values.tls === true;
  const host = text(given, "host") ?? null;
  if (isTls && host === null) throw new DeployError("Cannot use --tls: the Ingress needs a host, add --host HOST");
  const [metric = "", value = ""] = scaleOn?.split("=") ?? [];
  return manifests({
    name,
    image: text(given, "image") ?? `${name}:latest`,
    runtime: runtimeOf(given),
    host,
    tls: isTls,
    replicas: { min: Number(range[1]), max: Number(range[2]) },
    scaleOn: scaleOn === undefined ? null : { metric, value },
    shutdownDelay: seconds(given, "shutdown-delay", 10),
    gracefulTimeout: seconds(given, "graceful-timeout", 30),
  });
}
