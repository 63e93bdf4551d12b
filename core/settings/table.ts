/**
 * The settings: one row each. Everything else is derived from this table: the types below, the flags, the `TSGI_*` variables, the keys of
 * `tsgi.config.ts`, `--help`, `--print-config`, SETTINGS.md, and what a reload may change.
 *
 * Names are given once, in camelCase; the flag is the same in `--kebab-case`, the variable in `TSGI_UPPER_SNAKE` (names.ts). Names, short
 * flags and defaults are gunicorn's wherever gunicorn has the setting.
 */
import type { Address } from "../arbiter/listener.ts";
import { LEVELS } from "../logging/record.ts";
import { FACILITY_NAMES, SYSLOG_FORMATS } from "../logging/syslog_names.ts";

/** The headings of `--help` and SETTINGS.md, in their order. */
export const SECTIONS = {
  config: "Config File",
  socket: "Server Socket",
  tls: "SSL",
  workers: "Worker Processes",
  mechanics: "Server Mechanics",
  logging: "Logging",
  security: "Security",
  naming: "Process Naming",
  commands: "Commands",
} as const;

interface Common {
  readonly section: keyof typeof SECTIONS;
  /** A full sentence about the consequence. */
  readonly doc: string;
  readonly short?: string;
}

interface Setting extends Common {
  /** Whether a reload takes a new value over, or only a restart. */
  readonly applies: "reload" | "restart";
  /** A second long flag for the same setting. */
  readonly alias?: string;
  /** What `--help` calls the value, when the kind's own word would not help. */
  readonly metavar?: string;
  /** What the default is called in `--help`, when the value itself would not say it. */
  readonly shown?: string;
  /** The default depends on where tsgi runs: the caller of `resolve()` gives it. */
  readonly computed?: true;
  /** Given as an argument without a flag. */
  readonly positional?: true;
  /** Read from the command line and TSGI_CMD_ARGS only. */
  readonly commandLineOnly?: true;
  /** Never shown: not by --print-config, nor in a log, nor to a worker. */
  readonly secret?: true;
  /** Written in a config file only: there is no flag and no variable. */
  readonly configFileOnly?: true;
  /** A variable that platforms set for every server, weaker than our own; `prefix` makes a value for this setting from it. */
  readonly fallback?: { readonly variable: string; readonly prefix: string };
}

export type TextRow = Setting & { readonly kind: "text"; readonly default: string | null };
export type IntegerRow = Setting & {
  readonly kind: "integer";
  readonly min: number;
  readonly max?: number;
  /** A word that may stand instead of a number. */
  readonly or?: string;
  readonly default: number;
};
export type SecondsRow = Setting & { readonly kind: "seconds"; readonly min: number; readonly default: number };
export type BooleanRow = Setting & { readonly kind: "boolean"; readonly default: boolean };
export type ChoiceRow = Setting & {
  readonly kind: "choice";
  readonly choices: readonly string[];
  readonly default: string | null;
  /** A path of a module may stand instead of a word. */
  readonly orModule?: true;
};
export type AddressesRow = Setting & { readonly kind: "addresses"; readonly default: readonly Address[] };
/** A list of texts. In a variable, `separator` stands between them. */
export type TextsRow = Setting & { readonly kind: "texts"; readonly separator: "," | "\n"; readonly default: readonly string[] };
/** A file mode mask: octal as 022 or 0o22, hexadecimal as 0x12, decimal as 18. */
export type MaskRow = Setting & { readonly kind: "mask"; readonly default: number };
export type PairsRow = Setting & {
  readonly kind: "pairs";
  /** What a key is, if not a variable. */
  readonly of?: string;
  readonly default: Readonly<Record<string, string>>;
};
export type CommandRow = Common & { readonly kind: "command" };
export type SettingRow = TextRow | IntegerRow | SecondsRow | BooleanRow | ChoiceRow | AddressesRow | TextsRow | MaskRow | PairsRow;
export type Row = SettingRow | CommandRow;

export const TABLE = {
  config: {
    kind: "text", default: null, section: "config", short: "c", applies: "restart", metavar: "PATH", commandLineOnly: true,
    shown: "tsgi.config.ts, .js, .mjs or .json, if there is one",
    doc:
      "Config file to read, as PATH or file:PATH, relative to the directory tsgi was started in. It is read again on every reload; the " +
      "modules it imports are not.",
  },
  app: {
    kind: "text", default: null, section: "config", applies: "reload", metavar: "APP", positional: true, shown: "none",
    doc: "Module of the application to serve, as FILE or FILE:NAME when it is not the default export. Without one, nothing starts.",
  },
  bind: {
    kind: "addresses", default: [{ kind: "tcp", host: "127.0.0.1", port: 8000 }], section: "socket", short: "b", applies: "reload",
    metavar: "ADDRESS", fallback: { variable: "PORT", prefix: "0.0.0.0:" },
    doc:
      "Address to listen on: HOST, HOST:PORT, [IPV6]:PORT, :PORT for every IPv4 interface, tcp://HOST:PORT, unix:PATH, or fd://N for a " +
      "socket that was inherited. Give it several times to listen on several. With $PORT set and no address given, it is 0.0.0.0:$PORT.",
  },
  backlog: {
    kind: "integer", min: 1, max: 2147483647, default: 2048, section: "socket", applies: "restart",
    doc: "Connections the kernel keeps waiting per socket before it refuses more. The kernel silently lowers it to net.core.somaxconn.",
  },
  reusePort: {
    kind: "boolean", default: false, section: "socket", applies: "restart",
    doc:
      "Lets every worker bind the address by itself instead of adopting a socket the arbiter holds. Connections that wait for a worker " +
      "are then lost when it leaves, so it is for systems where adoption does not work.",
  },
  certfile: {
    kind: "texts", separator: "\n", default: [], section: "tls", applies: "reload", metavar: "FILE", shown: "none",
    doc:
      "Certificate, and those above it, as PEM: with one, the addresses of bind are served over TLS. It is read again on every reload, and a " +
      "reload comes by itself when the file changes. Give it several times, with as many keyfiles, for a certificate by server name (SNI; " +
      "Bun and Node). The arbiter reads it, so user need not be allowed to.",
  },
  keyfile: {
    kind: "texts", separator: "\n", default: [], section: "tls", applies: "reload", metavar: "FILE", shown: "the key in certfile",
    doc: "Private key of the certificate, as PEM without a password. Give one for each certfile, in the same order.",
  },
  caCerts: {
    kind: "text", default: null, section: "tls", applies: "reload", metavar: "FILE", shown: "none",
    doc: "Certificates, as PEM, of those whose clients are let in with cert-reqs 2.",
  },
  certReqs: {
    kind: "integer", min: 0, max: 2, default: 0, section: "tls", applies: "reload",
    doc: "Whether clients need a certificate of ca-certs: 2 lets nobody in without one (Bun and Node), 0 asks for none. gunicorn's 1 is refused.",
  },
  ciphers: {
    kind: "text", default: null, section: "tls", applies: "reload", metavar: "LIST", shown: "the runtime's own",
    doc: "Ciphers for TLS 1.2 in OpenSSL's form, such as ECDHE+AESGCM. For Bun and Node: Deno's are fixed.",
  },
  tlsMinVersion: {
    kind: "choice", choices: ["1.2", "1.3"], default: "1.2", section: "tls", applies: "reload",
    doc: "Oldest version of TLS that clients may speak. 1.3 keeps out what is older than about 2018; for Bun and Node.",
  },
  httpProtocols: {
    kind: "texts", separator: ",", default: [], section: "tls", applies: "reload", metavar: "LIST", shown: "h1, and on Deno h1,h2",
    doc: "Versions of HTTP that are offered over TLS: h1, or h1,h2. On Deno it is always both, on Bun HTTP/2 has to be asked for, and Node does not have it here.",
  },
  redirectHttp: {
    kind: "addresses", default: [], section: "tls", applies: "reload", metavar: "ADDRESS", shown: "none",
    doc: "Address such as :80 where plain HTTP is answered with 308 to the same URL over https, at the port of the first bind. Give it several times for several.",
  },
  workers: {
    kind: "integer", min: 1, or: "auto", default: 1, section: "workers", short: "w", applies: "reload",
    fallback: { variable: "WEB_CONCURRENCY", prefix: "" },
    doc: "Worker processes that serve. One worker fills one CPU: auto starts one for each this process may use, container limits included.",
  },
  maxWorkers: {
    kind: "integer", min: 0, default: 0, section: "workers", applies: "reload", shown: "0: four for each CPU or twice workers, whichever is more",
    doc: "Workers beyond which TTIN adds none, and workers=auto starts none, so that a storm of signals cannot fill the machine. The log says when it holds one back.",
  },
  workerClass: {
    kind: "choice", choices: ["async", "sync", "gthread", "threads"], orModule: true, default: "async", section: "workers", short: "k", applies: "reload",
    metavar: "CLASS",
    doc:
      "How a worker serves: async answers many requests at once on one event loop, so a handler that blocks holds up its worker's others; " +
      "sync answers one at a time, closes each connection, and makes timeout the limit of a request; gthread, also called threads, answers " +
      "one at a time in each of its threads, however long that takes; a path such as ./my_class.ts names a module that defines a class.",
  },
  threads: {
    kind: "integer", min: 1, max: 256, default: 1, section: "workers", applies: "reload",
    doc:
      "Threads that serve in each worker's process: more than one makes the class gthread where none, or sync, is asked for. Each loads the " +
      "application for itself, so that nothing but the process is shared, and takes as much memory as a small worker.",
  },
  threadTimeout: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc:
      "Time a thread may be busy with one request, or stand still, before the log names it and it is ended: on Bun alone, on Deno with its " +
      "worker, once a successor serves. 0 lets it run, as in gunicorn.",
  },
  workerConnections: {
    kind: "integer", min: 1, default: 1000, section: "workers", applies: "reload",
    doc: "Requests one worker serves at a time before it stops accepting; the others wait in the kernel's queue. For class async; sync and each thread serve one.",
  },
  maxRequests: {
    kind: "integer", min: 0, default: 0, section: "workers", applies: "reload",
    doc: "Requests after which a worker is replaced, as a cure for memory it loses. It serves until its successor does, so it serves some more. 0 never replaces it.",
  },
  maxRequestsJitter: {
    kind: "integer", min: 0, default: 0, section: "workers", applies: "reload",
    doc: "At most so many requests are added to max-requests, by chance for each worker, so that not all are replaced at once.",
  },
  maxRss: {
    kind: "integer", min: 0, default: 0, section: "workers", applies: "reload", metavar: "MIB",
    doc: "Resident memory in MiB beyond which a worker is replaced. It is looked at twice a second, and 0 lets it grow.",
  },
  maxLifetime: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc: "Time after which a worker is replaced, up to a tenth more by chance, so that not all are replaced at once. 0 lets it live.",
  },
  timeout: {
    kind: "seconds", min: 0, default: 30, section: "workers", short: "t", applies: "reload",
    doc: "Silence after which a worker is murdered and replaced. It bounds a blocked worker, not a slow request, and 0 turns murder off.",
  },
  bootTimeout: {
    kind: "seconds", min: 0, default: 60, section: "workers", applies: "reload",
    doc: "Time a new worker has to load the application and report ready before it is murdered. 0 lets it take for ever, and a reload with it.",
  },
  gracefulTimeout: {
    kind: "seconds", min: 0, default: 30, section: "workers", applies: "reload",
    doc: "Time a retiring worker has to finish its requests before they are cut off. 0 cuts them off at once.",
  },
  shutdownDelay: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc:
      "Time the server goes on serving after TERM, while readiness already says no, before workers are told to finish: as long as whoever " +
      "sends traffic here needs to hear of it. Kubernetes and balancers send some for seconds more. A second TERM ends the wait, INT and QUIT know none.",
  },
  keepAlive: {
    kind: "seconds", min: 0, default: 2, section: "workers", applies: "reload",
    doc: "Time an idle connection waits for its next request before it is closed. Behind a load balancer, make it longer than the balancer's.",
  },
  requestTimeout: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc:
      "Time a request may take, its answer included: then the client gets 504, or a broken body if the answer had begun, and the " +
      "application's signal aborts. Code that never awaits is bounded by timeout alone. 0 sets no limit.",
  },
  slowRequest: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc: "Time without an answer after which the log warns of a request and names it, once. 0 warns of none.",
  },
  loopLag: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc:
      "Time an event loop may be held up before the log warns of it, and names the handler that did it or the requests that waited. 0 warns " +
      "of none; with a value, each request is timed.",
  },
  limitConcurrency: {
    kind: "integer", min: 0, default: 0, section: "workers", applies: "reload",
    doc:
      "Requests in flight in one worker beyond which the next ones get 503 with Retry-After: 1 and never reach the application. 0 refuses " +
      "none: they wait.",
  },
  watchdog: {
    kind: "boolean", default: true, section: "workers", applies: "reload",
    doc:
      "Lets the log name the requests that a murdered worker had in flight. It takes 24 KiB a worker, and less than two hundredths of the " +
      "CPU of the smallest answer.",
  },
  metrics: {
    kind: "boolean", default: true, section: "workers", applies: "reload",
    doc:
      "Counts and times every request, and takes the application's own metrics. It takes 21 KiB a worker, and at most two hundredths of the " +
      "CPU of the smallest answer; without it, nothing is counted.",
  },
  runtime: {
    kind: "choice", choices: ["deno", "bun", "node"], default: null, computed: true, shown: "the runtime tsgi itself runs on", section: "workers",
    applies: "reload",
    doc: "Runtime the workers run on, which may be another one than the arbiter's. Its program must be in PATH.",
  },
  interface: {
    kind: "choice", choices: ["auto", "tsgi", "fetch", "wsgi"], default: "auto", section: "workers", applies: "reload",
    doc:
      "How the application is called: auto takes a function for TSGI and an object with fetch() for Fetch, so a bare Fetch handler needs " +
      "fetch. With wsgi, as with the command tsgi wsgi, APP is MODULE:NAME of a Python application, served by Python processes of each worker.",
  },
  python: {
    kind: "text", default: "python3", section: "workers", applies: "reload", metavar: "PROGRAM",
    doc: "Python for --interface wsgi, 3.9 or newer, as a path or looked for in PATH. That of a virtual environment is .venv/bin/python.",
  },
  pythonPath: {
    kind: "texts", separator: ",", default: [], section: "workers", applies: "reload", metavar: "FOLDER",
    doc: "Folder in which Python looks for modules before all others, and before the current one. May be given several times.",
  },
  pythonProcesses: {
    kind: "integer", min: 1, max: 1024, default: 1, section: "workers", applies: "reload",
    doc:
      "Python processes of each worker with --interface wsgi. Each answers one request at a time, and the others wait for the first that is " +
      "free; timeout and max-requests are theirs.",
  },
  pythonThreads: {
    kind: "integer", min: 1, max: 1024, default: 1, section: "workers", applies: "reload",
    doc: "Threads of each Python process, and so the requests that it answers at a time. The application must be safe for threads, which share Python's lock.",
  },
  lint: {
    kind: "boolean", default: false, section: "workers", applies: "reload",
    doc: "Checks every request and answer of a TSGI application against the specification, and answers 500 to what breaks it. For development: it costs time. On by default with --reload.",
  },
  reload: {
    kind: "boolean", default: false, section: "workers", applies: "reload",
    doc:
      "Reloads when a file of the application changes, and answers with a page that says what is wrong while it cannot be loaded. Turns " +
      "lint on too, unless that is set. For development only: the page shows your code's paths to whoever asks.",
  },
  reloadEngine: {
    kind: "choice", choices: ["auto", "poll", "native"], default: "auto", section: "workers", applies: "reload",
    doc:
      "How changed files are noticed: native is told by the system, poll looks twice a second, auto is native where the system can. Take " +
      "poll for network file systems and directories mounted into a container, where native may be told nothing.",
  },
  reloadExtraFile: {
    kind: "texts", separator: "\n", default: [], section: "workers", applies: "reload", metavar: "FILE", shown: "none",
    doc:
      "File that reloads the workers too, besides the modules the application imports: a path or a pattern with *, ? and **, which match " +
      "no name that begins with a dot and do not enter node_modules. Give it several times for several; TSGI_RELOAD_EXTRA_FILE holds one a line.",
  },
  warmup: {
    kind: "texts", separator: "\n", default: [], section: "workers", applies: "reload", metavar: "REQUEST", shown: "none",
    doc:
      'Request that every new worker answers to itself before it is ready, such as "GET /healthz x5 =200": a method, a path, how often (x1 ' +
      "without it), and the status it must have (below 500 without it). Another answer, or none within boot-timeout, fails the boot. Give it " +
      "several times for several; TSGI_WARMUP holds one a line.",
  },
  preflight: {
    kind: "boolean", default: true, section: "workers", applies: "reload",
    doc:
      "Loads, starts and warms up the application in one process that never serves before a reload boots several workers at once, and refuses " +
      "the reload if that fails. A broken deploy then costs one process instead of one for each worker, and a good one the time of one more " +
      "boot. It is left out where a reload boots a single worker first: that one shows as much.",
  },
  canary: {
    kind: "seconds", min: 0, default: 0, section: "workers", applies: "reload",
    doc:
      "Time the first worker of a reload serves beside the old ones, in slot 0, before the others follow. If it ends, is silent, leaves an " +
      "exception uncaught or answers with more 5xx than canary-errors, the reload is rolled back. 0 sends none ahead.",
  },
  canaryErrors: {
    kind: "integer", min: 0, max: 100, default: 5, section: "workers", applies: "reload", metavar: "PERCENT",
    doc:
      "Percentage of the canary's answers that may be 5xx. It is looked at when canary is over, however few they are, and before that as " +
      "soon as there are 100.",
  },
  reloadStrategy: {
    kind: "choice", choices: ["surge", "rolling"], default: "surge", section: "workers", applies: "reload",
    doc:
      "How a reload replaces workers: surge boots all new ones beside the old and changes over at once, so it needs the memory of both; rolling " +
      "changes over slot after slot, so old and new code answer side by side for a while and must get along with each other's data.",
  },
  maxSurge: {
    kind: "integer", min: 1, default: 1, section: "workers", applies: "reload",
    doc:
      "Processes that a rolling reload may have beyond the number of workers. A worker that retires counts until it has gone, so long " +
      "requests make the reload slow rather than the memory large.",
  },
  chdir: {
    kind: "text", default: null, computed: true, shown: "the directory tsgi was started in", section: "mechanics", applies: "reload",
    metavar: "DIRECTORY",
    doc: "Directory to change to before the application is loaded. Given on the command line, it is also where a config file is looked for.",
  },
  env: {
    kind: "pairs", default: {}, section: "mechanics", short: "e", applies: "reload", shown: "none",
    doc: "Variable for the workers' environment, over what they inherit. Give it several times for several; TSGI_ENV holds one a line.",
  },
  envFile: {
    kind: "text", default: null, section: "mechanics", applies: "reload", metavar: "FILE", shown: "none",
    doc:
      "File with variables for the workers' environment, KEY=VALUE a line, read again on every reload. Whatever env says wins over it, and its " +
      "values are never printed.",
  },
  pidfile: {
    kind: "text", default: null, section: "mechanics", short: "p", alias: "pid", applies: "reload", metavar: "FILE", shown: "none",
    doc:
      "File that holds the arbiter's pid while it runs: send signals to that. A server that is already running under it keeps a second one " +
      "from starting; a file that a dead server left behind does not.",
  },
  controlSocket: {
    kind: "text", default: null, section: "mechanics", applies: "restart", metavar: "PATH", shown: "a path of this server's own",
    doc:
      "Unix socket that `tsgi ctl` and gunicornc talk to. By default PID.ctl in $XDG_RUNTIME_DIR/tsgi, /run/tsgi for root, or ~/.tsgi, where " +
      "`tsgi ctl` finds it; another server's socket is never taken away.",
  },
  controlSocketMode: {
    kind: "mask", default: 0o600, section: "mechanics", applies: "restart",
    doc: "Permissions of the control socket, in octal with a leading 0: whoever may connect may stop the server. 0660 lets its group in too.",
  },
  controlSocketDisable: {
    kind: "boolean", default: false, section: "mechanics", alias: "no-control-socket", applies: "restart",
    doc: "Serves without a control socket: `tsgi ctl` then cannot reach this server, signals still do.",
  },
  adminBind: {
    kind: "text", default: null, section: "mechanics", applies: "reload", metavar: "ADDRESS", shown: "none",
    doc:
      "Address at which the arbiter itself answers /metrics, /livez, /readyz, /stats.json and a status page: HOST:PORT, [IPV6]:PORT, or " +
      "unix:PATH with the permissions of control-socket-mode. Whoever reaches it reads what the server does, so without admin-token it must " +
      "be loopback or a unix socket.",
  },
  adminToken: {
    kind: "text", default: null, section: "mechanics", applies: "reload", secret: true, metavar: "TOKEN", shown: "none",
    doc:
      "Secret that opens the pages of admin-bind, as `Authorization: Bearer TOKEN` or in the status page's form, and allows to reload and " +
      "resize the server there. Only /livez and /readyz do without. Others on this machine see flags, so give it as a variable.",
  },
  daemon: {
    kind: "boolean", default: false, section: "mechanics", short: "D", applies: "restart",
    doc:
      "Detaches the server from the terminal. The command ends with 0 when the server serves, or with the reason why it could not. " +
      "Logs to - are then lost, so give files.",
  },
  enableStdioInheritance: {
    kind: "boolean", default: false, section: "mechanics", short: "R", applies: "restart",
    doc: "Keeps standard input, output and error of a daemon, if they are not a terminal; without it they are /dev/null.",
  },
  user: {
    kind: "text", default: null, section: "mechanics", short: "u", applies: "reload", metavar: "USER", shown: "the user tsgi runs as",
    doc:
      "User that the workers run as, by name or number; unix sockets and log files are given to it. Only root may change it, and the " +
      "arbiter stays root. Without group, the workers get the user's own group.",
  },
  group: {
    kind: "text", default: null, section: "mechanics", short: "g", applies: "reload", metavar: "GROUP", shown: "the user's group",
    doc: "Group that the workers run as, by name or number; unix sockets and log files are given to it. Only root may change it.",
  },
  initgroups: {
    kind: "boolean", default: false, section: "mechanics", applies: "reload",
    doc: "Gives workers that run as user all groups this user is a member of; without it they have only the one.",
  },
  umask: {
    kind: "mask", default: 0o117, section: "mechanics", short: "m", applies: "restart",
    doc:
      "Bits that a new unix socket's mode 0777 goes without: 0117 leaves 0660, so that its user and group may connect. With 0 everybody on the machine may, " +
      "which is gunicorn's default.",
  },
  serverHeader: {
    kind: "boolean", default: false, section: "mechanics", applies: "reload",
    doc: "Names tsgi in the Server header of a response that has none. It is off because it tells attackers more than clients, and on Deno costs a small answer about 15 % more.",
  },
  captureOutput: {
    kind: "boolean", default: false, section: "logging", applies: "reload",
    doc: "Writes what workers print to standard output and error into the error log, if that is a file.",
  },
  forwardedAllowIps: {
    kind: "texts", separator: ",", default: ["127.0.0.1", "::1"], section: "mechanics", applies: "reload", metavar: "ADDRESS",
    fallback: { variable: "FORWARDED_ALLOW_IPS", prefix: "" },
    doc:
      "Proxies that are believed when a header of secureSchemeHeaders, such as X-Forwarded-Proto, says that a client came by https: addresses, networks such " +
      "as 10.0.0.0/8, unix: for all that comes over a unix socket, * for everybody. It decides tsgi.url_scheme of TSGI applications; who " +
      "trusts too many lets clients lie about it.",
  },
  secureSchemeHeaders: {
    kind: "pairs", of: "header", default: { "X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on" },
    section: "mechanics", applies: "reload", configFileOnly: true,
    doc:
      "Headers by which a proxy of forwarded-allow-ips says that its client came by https, each with the value that means it; any other value " +
      "means http. If they contradict each other, none is believed.",
  },
  proxyHeaders: {
    kind: "boolean", default: false, section: "mechanics", applies: "reload",
    doc:
      "Takes the client's address from X-Forwarded-For where a proxy of forwarded-allow-ips sends it, for REMOTE_ADDR of TSGI applications and for the access log: the last " +
      "address in it that is no such proxy's. REMOTE_PORT is absent then. For a proxy that appends to the header or replaces it, as nginx does when told to; Fetch handlers " +
      "get the request as it came. X-Forwarded-Host is for the proxyFix middleware.",
  },
  forwarderHeaders: {
    kind: "texts", separator: ",", default: [], section: "mechanics", applies: "reload", metavar: "NAME", shown: "none",
    doc:
      "Names with _ of headers that a proxy of forwarded-allow-ips may set whatever header-map says: REMOTE_USER becomes HTTP_REMOTE_USER, which " +
      "nothing else can set then, and SCRIPT_NAME moves from PATH_INFO to SCRIPT_NAME, with 404 for what is not below it. The proxy must " +
      "keep clients from sending them. gunicorn believes SCRIPT_NAME and PATH_INFO unasked.",
  },
  headerMap: {
    kind: "choice", choices: ["drop", "refuse", "dangerous"], default: "drop", section: "mechanics", applies: "reload",
    doc:
      "What becomes of a header with _ in its name, which in environ would pass for the one with - that a proxy has checked: drop leaves " +
      "it out, refuse answers 400, dangerous takes it.",
  },
  rootPath: {
    kind: "text", default: null, section: "mechanics", applies: "reload", metavar: "PATH", shown: "none",
    doc: "Path that a TSGI application is mounted at, such as /shop: it moves from PATH_INFO to SCRIPT_NAME, and what is not below it gets 404.",
  },
  limitRequestLine: {
    kind: "integer", min: 0, default: 0, section: "security", applies: "reload", metavar: "BYTES", shown: "0: what the runtime takes",
    doc:
      "Bytes of a request line beyond which the client gets 414. The runtime has a limit before this one, which cannot be raised here: 65,529 on Deno, " +
      "and 16 KiB for the whole head on Bun and Node. On Bun the target counts as its URL spells it, with escapes added and dot-segments resolved. 0 adds no limit.",
  },
  limitRequestFields: {
    kind: "integer", min: 0, max: 32768, default: 0, section: "security", applies: "reload", shown: "0: what the runtime takes",
    doc:
      "Header fields of a request beyond which the client gets 431; fields of the same name count as one. The runtime's own limit comes first, on Deno 128, on Bun " +
      "198. With a value, the headers of each request are read, which costs a fifth of the smallest answer. 0 adds no limit.",
  },
  limitRequestFieldSize: {
    kind: "integer", min: 0, default: 0, section: "security", applies: "reload", alias: "limit-request-field_size", metavar: "BYTES", shown: "0: what the runtime takes",
    doc:
      "Bytes of a header field, name and value, beyond which the client gets 431; fields of the same name are one. The runtime's own limit for the whole head comes " +
      "first: 64 KiB on Deno, 16 KiB on Bun and Node. With a value, the headers of each request are read, which costs a fifth of the smallest answer. 0 adds no limit.",
  },
  limitRequestBody: {
    kind: "integer", min: 0, default: 0, section: "security", applies: "reload", metavar: "BYTES", shown: "0: what the runtime takes",
    doc:
      "Bytes of a request's body beyond which the client gets 413: at once if Content-Length says so, else when the application has read so many. " +
      "0 leaves it to the runtime: 128 MiB on Bun, any number on Deno and Node.",
  },
  requestHeaderTimeout: {
    kind: "seconds", min: 0, default: 10, section: "security", applies: "reload",
    doc:
      "Time a client may take to send the head of a request, however often a byte of it comes, before its connection is closed: counted from the connection's begin, " +
      "or the first byte of a later request. It is looked at about once a second, on TCP. On Bun, each head has 10 to 12 seconds, which cannot be raised; a lower value " +
      "holds for the first request of a connection, and looks up the client of each request. 0 adds no limit.",
  },
  requestBodyTimeout: {
    kind: "seconds", min: 0, default: 0, section: "security", applies: "reload",
    doc:
      "Time a client may send nothing of a body while the application waits for it, before it gets 408. Who sends a byte now and then is bounded by " +
      "request-body-min-rate and request-timeout. 0 waits for ever.",
  },
  requestBodyMinRate: {
    kind: "integer", min: 0, default: 0, section: "security", applies: "reload", metavar: "BYTES",
    doc:
      "Bytes a second that a client has to send of a body on average, else it gets 408. Only the time counts in which the application waits for it, and not before there were " +
      "5 seconds of that. 0 takes any rate.",
  },
  permitUnconventionalHttpMethod: {
    kind: "boolean", default: false, section: "security", applies: "reload",
    doc:
      "Takes methods with lower case letters, and of less than 3 or more than 20 characters, instead of answering 400. For Deno: Bun and Node know a list of methods and " +
      "refuse all others themselves. CONNECT gets 405 in any case.",
  },
  allowedHosts: {
    kind: "texts", separator: ",", default: [], section: "security", applies: "reload", metavar: "HOST", shown: "every host",
    doc:
      "Names that a request may be for, others get 400: example.org, .example.org for that and all below it, *.example.org for all below it, and addresses such as 127.0.0.1 or [::1]. " +
      "Ports make no difference. Name what health checks use too.",
  },
  strictHeaders: {
    kind: "boolean", default: false, section: "security", applies: "reload",
    doc:
      "Refuses what runtimes let through: two Hosts or none, Transfer-Encoding other than chunked (501), two Content-Types, an unknown Expect (417), control characters " +
      "in values, and secureSchemeHeaders of a trusted proxy that contradict each other. It reads the headers of each request, which costs a fifth of the smallest " +
      "answer. For a server without a proxy in front; HTTP/1.0 clients must send Host.",
  },
  workerAllowRead: {
    kind: "texts", separator: ",", default: [], section: "security", applies: "reload", metavar: "PATH", shown: "everything",
    doc:
      "Files and folders that workers may read, by Deno's permissions; * for all. Once any worker-allow setting is given, workers may do only what these four name, and what " +
      "they need: read tsgi and the application's folder, write their logs, and listen. They have no C library then, so that it needs --reuse-port, and idle and slow " +
      "connections are not closed.",
  },
  workerAllowWrite: {
    kind: "texts", separator: ",", default: [], section: "security", applies: "reload", metavar: "PATH", shown: "everything",
    doc: "Files and folders that workers may write, as with worker-allow-read.",
  },
  workerAllowNet: {
    kind: "texts", separator: ",", default: [], section: "security", applies: "reload", metavar: "HOST", shown: "everything",
    doc: "Hosts that workers may connect to, as HOST or HOST:PORT, or * for all, as with worker-allow-read.",
  },
  workerAllowRun: {
    kind: "texts", separator: ",", default: [], section: "security", applies: "reload", metavar: "PROGRAM", shown: "everything",
    doc: "Programs that workers may start, or * for all, as with worker-allow-read. A program is not bound by Deno's permissions.",
  },
  accessLogfile: {
    kind: "text", default: null, section: "logging", applies: "reload", metavar: "FILE", shown: "off",
    doc: "File that gets one line per answered request, or - for standard output. Without it, and without log-syslog, nothing is logged per request, which is fastest.",
  },
  accessLogformat: {
    kind: "text", default: '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"', section: "logging", applies: "reload",
    alias: "access-log-format",
    doc:
      "Form of an access log line: common or combined as Apache writes them, json for an object a line, or gunicorn's atoms. An atom without a " +
      "value is written as -. Besides gunicorn's there are, with request-id, %(request_id)s, %(trace_id)s and %(span_id)s.",
  },
  errorLogfile: {
    kind: "text", default: "-", section: "logging", applies: "reload", alias: "log-file", metavar: "FILE",
    doc: "File that gets tsgi's own log, or - for standard error.",
  },
  logLevel: {
    kind: "choice", choices: LEVELS, default: "info", section: "logging", applies: "reload",
    doc: "Least severity that is written to the error log; everything below it is dropped.",
  },
  logFormat: {
    kind: "choice", choices: ["text", "json"], default: "text", section: "logging", applies: "reload",
    doc: "Form of the error log: text writes gunicorn's lines, json one object a line, which no logged value can forge; what a worker writes has its TSGI_WORKER_ID as workerId.",
  },
  blackBox: {
    kind: "text", default: null, section: "logging", applies: "reload", metavar: "DIRECTORY", shown: "none",
    doc:
      "Directory that gets a JSON file, for its owner alone, about each worker that dies of a signal or an exit nobody asked for: what it had in " +
      "flight, what it answered and logged last. The newest 50 stay. The error log tells the same in short, with or without it.",
  },
  blackBoxQueries: {
    kind: "boolean", default: false, section: "logging", applies: "reload",
    doc: "Leaves the queries of URLs in what is told of dead workers. They are where clients put tokens and personal data.",
  },
  otlpEndpoint: {
    kind: "text", default: null, section: "logging", applies: "reload", metavar: "URL", shown: "none",
    fallback: { variable: "OTEL_EXPORTER_OTLP_ENDPOINT", prefix: "" },
    doc:
      "OpenTelemetry receiver that gets a span for each request and the metrics of all workers, as OTLP over HTTP in JSON: the URL before " +
      "/v1/traces, such as http://127.0.0.1:4318. OpenTelemetry's own variables decide the rest, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, " +
      "OTEL_TRACES_SAMPLER and others. With OTEL_SDK_DISABLED=true nothing is sent.",
  },
  otlpSampleRatio: {
    kind: "text", default: null, section: "logging", applies: "reload", metavar: "RATIO", shown: "what OTEL_TRACES_SAMPLER says, else all",
    doc: "Share of the traces that begin here that is kept, from 0 to 1. Of a trace that a caller began, tsgi keeps its part if the caller does.",
  },
  statsdHost: {
    kind: "text", default: null, section: "logging", applies: "reload", metavar: "ADDRESS", shown: "none",
    doc:
      "StatsD server that is sent the figures of all workers once a second: HOST:PORT by UDP, or unix:PATH for a datagram socket. Durations go " +
      "with a sample rate, by buckets that are at most 1.6 % wide. A server that is away is not missed: what is sent meanwhile is lost.",
  },
  statsdPrefix: {
    kind: "text", default: null, section: "logging", applies: "reload", metavar: "PREFIX", shown: "none",
    doc: "What the name of each StatsD metric begins with, before a dot: with svc, tsgi.requests is svc.tsgi.requests.",
  },
  dogstatsdTags: {
    kind: "texts", separator: ",", default: [], section: "logging", applies: "reload", metavar: "TAG", shown: "none",
    doc:
      "Tags that each StatsD metric has, as KEY:VALUE. With any, the labels of the application's metrics are tags too; without, their values " +
      "are part of the metric's name, since StatsD itself knows no tags.",
  },
  statsdCompat: {
    kind: "choice", choices: ["gunicorn"], default: null, section: "logging", applies: "reload", shown: "none",
    doc: "With gunicorn, the StatsD metrics that gunicorn has are called as it calls them, gunicorn.requests and so on, so that its dashboards go on working.",
  },
  requestId: {
    kind: "boolean", default: false, section: "logging", applies: "reload",
    doc:
      "Gives every request an id and a place in a trace, in tsgi.request_id and tsgi.trace for the application and in every log line about the " +
      "request. What a proxy of forwarded-allow-ips says in request-id-header and traceparent is taken if it is well-formed; else both are made.",
  },
  requestIdHeader: {
    kind: "text", default: "X-Request-ID", section: "logging", applies: "reload", metavar: "NAME",
    doc: "Header that brings the id of a request, 1 to 128 letters, digits and -_.~:+/=@, and with request-id-response takes it back.",
  },
  requestIdResponse: {
    kind: "boolean", default: false, section: "logging", applies: "reload",
    doc: "Sends a request's id back in request-id-header, unless the application sets that header itself. It takes request-id too.",
  },
  disableRedirectAccessToSyslog: {
    kind: "boolean", default: false, section: "logging", applies: "reload",
    doc: "Keeps the access log out of syslog, which otherwise gets it with log-syslog even where no access-logfile is named.",
  },
  logSyslog: {
    kind: "boolean", default: false, section: "logging", applies: "reload",
    doc:
      "Sends both logs to syslog too, each process by itself; error-logfile and access-logfile are written besides. While the receiver is away, lines " +
      "wait in 1 MiB a process, and what does not fit is lost and counted. Linux only.",
  },
  logSyslogTo: {
    kind: "text", default: "udp://localhost:514", section: "logging", applies: "reload", metavar: "ADDRESS",
    doc: "Where syslog listens: udp://HOST:PORT, tcp://HOST:PORT or unix://PATH such as unix:///dev/log, with #dgram or #stream behind it to say which it is.",
  },
  logSyslogPrefix: {
    kind: "text", default: null, section: "logging", applies: "reload", shown: "the name, else the application as given",
    doc: "What follows tsgi. in the program name that syslog shows: with web it is tsgi.web.error and tsgi.web.access. Characters that cannot stand there become dots.",
  },
  logSyslogFacility: {
    kind: "choice", choices: FACILITY_NAMES, default: "user", section: "logging", applies: "reload", metavar: "FACILITY",
    doc: "Facility of the lines in syslog, by which it sorts them into files: auth, authpriv, cron, daemon, ftp, kern, lpr, mail, news, security, syslog, user, uucp, or local0 to local7.",
  },
  logSyslogFormat: {
    kind: "choice", choices: SYSLOG_FORMATS, default: "gunicorn", section: "logging", applies: "reload",
    doc: "Form of a message in syslog: gunicorn is priority, program name and text, which everything understands, /dev/log too; rfc5424 has time, host and process as fields.",
  },
  name: {
    kind: "text", default: null, section: "naming", short: "n", applies: "reload", shown: "the application as given",
    doc: "Name that ps shows in brackets after tsgi: master and tsgi: worker, to tell several servers apart. After a worker's it shows #0, #1 and so on, the TSGI_WORKER_ID in that worker's environment, which its successor has too.",
  },
  checkConfig: {
    kind: "command", section: "commands",
    doc: "Checks the settings and exits: 0 when they can be used, 1 when not, 2 when a flag is unknown.",
  },
  printConfig: {
    kind: "command", section: "commands",
    doc: "Prints the settings as settled from all sources, with secrets in env hidden, and exits.",
  },
  json: { kind: "command", section: "commands", doc: "Makes --print-config print JSON." },
  help: { kind: "command", section: "commands", short: "h", doc: "Prints this help and exits." },
  version: { kind: "command", section: "commands", short: "v", doc: "Prints the version and exits." },
} as const satisfies Readonly<Record<string, Row>>;

type Table = typeof TABLE;

/** A key of the table, commands included. */
export type Name = keyof Table;
/** A key that has a value. */
export type SettingName = { [K in Name]: Table[K] extends { readonly kind: "command" } ? never : K }[Name];
/** A key that a config file may have. */
export type ConfigName = { [K in SettingName]: Table[K] extends { readonly commandLineOnly: true } ? never : K }[SettingName];
/** A key whose default depends on where tsgi runs. */
export type ComputedName = { [K in SettingName]: Table[K] extends { readonly computed: true } ? K : never }[SettingName];

interface Kinds {
  readonly text: { readonly given: string; readonly settled: string };
  readonly integer: { readonly given: number; readonly settled: number };
  readonly seconds: { readonly given: number | string; readonly settled: number };
  readonly boolean: { readonly given: boolean; readonly settled: boolean };
  readonly mask: { readonly given: number | string; readonly settled: number };
  /** Its words are in the row. */
  readonly choice: { readonly given: never; readonly settled: never };
  readonly addresses: { readonly given: string | readonly string[]; readonly settled: readonly Address[] };
  readonly texts: { readonly given: string | readonly string[]; readonly settled: readonly string[] };
  readonly pairs: { readonly given: Readonly<Record<string, string>> | readonly string[]; readonly settled: Readonly<Record<string, string>> };
}

type Value<R, Side extends "given" | "settled"> =
  | (R extends { readonly kind: infer K extends keyof Kinds } ? Kinds[K][Side] : never)
  | (R extends { readonly choices: readonly (infer C)[] } ? C : never)
  | (R extends { readonly orModule: true } ? `${string}.${string}` : never)
  | (R extends { readonly or: infer O } ? O : never);

type Nullable<R> = R extends { readonly computed: true } ? never : R extends { readonly default: null } ? null : never;

/** What a config file may say. Durations are seconds, or text such as `"10m"` and `"500ms"`; `undefined` is as good as absent. */
export type Given = { readonly [K in ConfigName]?: Value<Table[K], "given"> | Nullable<Table[K]> | undefined };

/** What all sources together came to: plain data that survives JSON. Durations are seconds. */
export type Settings = { readonly [K in SettingName]: Value<Table[K], "settled"> | Nullable<Table[K]> };

/** The defaults that depend on where tsgi runs. */
export type Computed = Pick<Settings, ComputedName>;

/** Every setting and command, in the table's order. */
export const NAMES = Object.keys(TABLE) as readonly Name[];

/** Every setting. */
export const SETTING_NAMES = NAMES.filter((name): name is SettingName => TABLE[name].kind !== "command");

/** The row of a setting, without its literal types. */
export function rowOf(name: SettingName): SettingRow {
  return TABLE[name];
}
