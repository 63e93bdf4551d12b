/** Manifests for Kubernetes: what serves, how it is reached, how many there are, and how they leave. */
import { ADMIN_PORT, BASES, PORT } from "./docker.ts";
import { type DeployFile, DeployError } from "./file.ts";

export interface KubernetesPlan {
  readonly name: string;
  readonly image: string;
  readonly runtime: "deno" | "bun";
  /** The Ingress's; none is written without. */
  readonly host: string | null;
  readonly tls: boolean;
  readonly replicas: { readonly min: number; readonly max: number };
  /** A metric of each pod to scale by besides CPU, and the mean that it shall have. */
  readonly scaleOn: { readonly metric: string; readonly value: string } | null;
  /** Seconds: how long traffic needs to hear that a pod leaves, and how long requests may take then. */
  readonly shutdownDelay: number;
  readonly gracefulTimeout: number;
}

/** The manifests; throws DeployError for what the API would refuse. */
export function kubernetes(plan: KubernetesPlan): DeployFile[] {
  check(plan);
  const documents = [deployment(plan), service(plan), autoscaler(plan), budget(plan), ...(plan.host === null ? [] : [ingress(plan, plan.host)])];
  return [{ name: `${plan.name}.yaml`, hint: `kubectl apply -f ${plan.name}.yaml`, text: `${HEAD(plan)}${documents.join("---\n")}` }];
}

function check({ image, host, replicas, scaleOn }: KubernetesPlan): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._\/:@-]*$/.test(image)) throw new DeployError(`Cannot use --image: expected a name such as registry.example.com/shop:1.0, got ${JSON.stringify(image)}`);
  if (host !== null && !/^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(host)) throw new DeployError(`Cannot use --host: expected a host such as shop.example.com, got ${JSON.stringify(host)}`);
  if (replicas.min > replicas.max) throw new DeployError(`Cannot use --replicas: ${replicas.min} is more than ${replicas.max}`);
  if (scaleOn !== null && !(/^[a-z_:][a-z0-9_:]*$/i.test(scaleOn.metric) && /^\d+m?$/.test(scaleOn.value))) {
    throw new DeployError(`Cannot use --scale-on: expected METRIC=NUMBER such as tsgi_requests_in_flight=50, got ${JSON.stringify(`${scaleOn.metric}=${scaleOn.value}`)}`);
  }
}

const HEAD = ({ name }: KubernetesPlan) => `# Made by: tsgi init kubernetes. First the secret that opens /metrics; probes need none:
#   kubectl create secret generic ${name}-admin --from-literal=token="$(openssl rand -hex 32)"
`;

function deployment({ name, image, runtime, shutdownDelay, gracefulTimeout }: KubernetesPlan): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  # How many there are is the autoscaler's.
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels: { app: ${name} }
  template:
    metadata:
      labels: { app: ${name} }
    spec:
      # shutdown-delay, graceful-timeout, and a little more.
      terminationGracePeriodSeconds: ${shutdownDelay + gracefulTimeout + 5}
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: ${BASES[runtime].uid}
        seccompProfile: { type: RuntimeDefault }
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: { app: ${name} }
      containers:
        - name: app
          image: ${JSON.stringify(image)}
          ports:
            - { name: http, containerPort: ${PORT} }
            - { name: admin, containerPort: ${ADMIN_PORT} }
          # Over the configuration, and in place of what the image has here.
          env:
            - name: TSGI_CMD_ARGS
              # forwarded-allow-ips: any pod may say that a client came by https; name the network of the ingress instead, if you know it.
              value: "--admin-bind 0.0.0.0:${ADMIN_PORT} --shutdown-delay ${shutdownDelay} --graceful-timeout ${gracefulTimeout} --forwarded-allow-ips *"
            - name: TSGI_ADMIN_TOKEN
              valueFrom:
                secretKeyRef: { name: ${name}-admin, key: token }
          # Without a limit of CPUs, --workers auto would start one for each of the node's.
          resources:
            requests: { cpu: 500m, memory: 256Mi }
            limits: { cpu: "1", memory: 512Mi }
          startupProbe:
            httpGet: { path: /livez, port: admin }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /livez, port: admin }
            periodSeconds: 10
            timeoutSeconds: 3
          # No preStop: on TERM, tsgi says no here and serves on for shutdown-delay, which is what a preStop that sleeps is for.
          readinessProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 2
            failureThreshold: 1
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
      volumes:
        - name: tmp
          emptyDir: { sizeLimit: 64Mi }
`;
}

function service({ name }: KubernetesPlan): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  selector: { app: ${name} }
  ports:
    - { name: http, port: 80, targetPort: http }
`;
}

function autoscaler({ name, replicas, scaleOn }: KubernetesPlan): string {
  const more = scaleOn === null ? "" : `    # Needs an adapter that hands on what /metrics says.
    - type: Pods
      pods:
        metric: { name: ${scaleOn.metric} }
        target: { type: AverageValue, averageValue: ${JSON.stringify(scaleOn.value)} }
`;
  return `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: ${name}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }
  minReplicas: ${replicas.min}
  maxReplicas: ${replicas.max}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: 70 }
${more}`;
}

function budget({ name }: KubernetesPlan): string {
  return `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: ${name}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: { app: ${name} }
`;
}

function ingress({ name, tls }: KubernetesPlan, host: string): string {
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
spec:
${tls ? `  tls:\n    - { hosts: [${JSON.stringify(host)}], secretName: ${name}-tls }\n` : ""}  rules:
    - host: ${JSON.stringify(host)}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: ${name}
                port: { name: http }
`;
}
