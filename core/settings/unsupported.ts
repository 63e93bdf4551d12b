/** gunicorn's settings that tsgi does not have: who gives one is told why, and what to do instead. SETTINGS.md lists them. */

export interface Unsupported {
  /** gunicorn's names in a config file. */
  readonly names: readonly string[];
  readonly flags: readonly string[];
  /** The end of "Cannot use --flag: ". */
  readonly because: string;
  /** What to do. */
  readonly instead: string;
}

export const UNSUPPORTED: readonly Unsupported[] = [
  {
    names: ["ssl_context"], flags: [],
    because: "the runtime's native server makes its TLS context itself",
    instead: "use certfile, keyfile, ca_certs, cert_reqs, ciphers and tls_min_version, or a proxy in front",
  },
  {
    names: ["http2_cleartext"], flags: ["--http2-cleartext"],
    because: "the runtimes decide it: Deno's server answers HTTP/2 without TLS to clients that know beforehand, the others do not",
    instead: "use --runtime deno where a mesh or Cloud Run speaks it, or let the proxy in front speak HTTP/1.1",
  },
  {
    names: ["preload_app"], flags: ["--preload"],
    because: "workers are not forked, so that nothing loaded before them would be shared",
    instead: "leave it out: a reload boots the new workers first, and changes nothing when the application cannot be loaded",
  },
  {
    names: ["asgi_lifespan", "asgi_loop"], flags: ["--asgi-lifespan", "--asgi-loop"],
    because: "an application says itself what it has to do at its start and end, and its runtime has one event loop",
    instead: "export startup() and shutdown(), which are awaited if they are there; --runtime chooses the runtime",
  },
  {
    names: ["asgi_disconnect_grace_period"], flags: ["--asgi-disconnect-grace-period"],
    because: "a handler is never cancelled when its client goes",
    instead: "watch the request's signal, which aborts then; --request-timeout bounds the handler",
  },
  {
    names: ["proxy_protocol", "proxy_allow_ips"], flags: ["--proxy-protocol", "--proxy-allow-from"],
    because: "the runtime's native server reads the socket, and does not know the PROXY protocol",
    instead: "have the proxy send X-Forwarded headers, and name it in --forwarded-allow-ips",
  },
  {
    names: ["protocol", "uwsgi_allow_ips"], flags: ["--protocol", "--uwsgi-allow-from"],
    because: "the runtime's native server reads the socket, and speaks HTTP alone",
    instead: "write proxy_pass instead of uwsgi_pass in nginx",
  },
  {
    names: ["http_parser"], flags: ["--http-parser"],
    because: "the runtime's native server reads requests, and has one parser",
    instead: "leave it out",
  },
  {
    names: ["permit_obsolete_folding", "permit_unconventional_http_version", "casefold_http_method", "strip_header_spaces"],
    flags: ["--permit-obsolete-folding", "--permit-unconventional-http-version", "--casefold-http-method", "--strip-header-spaces"],
    because: "the runtime's native server reads requests, and what it takes cannot be set",
    instead: "mend the client, or put a proxy in front that does",
  },
  {
    names: ["sendfile"], flags: ["--sendfile", "--no-sendfile"],
    because: "how bytes get to the socket is the native server's affair",
    instead: "leave it out",
  },
  {
    names: ["worker_tmp_dir", "tmp_upload_dir"], flags: ["--worker-tmp-dir"],
    because: "neither heartbeats nor uploads are written to files",
    instead: "leave it out",
  },
  {
    names: ["spew"], flags: ["--spew"],
    because: "no JavaScript runtime tells of every line it executes",
    instead: "use the runtime's debugger or profiler on an application started without tsgi; --loop-lag names what blocks",
  },
  {
    names: ["pythonpath"], flags: ["--pythonpath"],
    because: "modules are not looked for in a list of directories",
    instead: "write an import map in deno.json, or imports in package.json; for a Python application, use --python-path",
  },
  {
    names: ["enable_backlog_metric"], flags: ["--enable-backlog-metric"],
    because: "the queue of each address is always among the figures",
    instead: "leave it out: tsgi ctl and the metrics show it",
  },
  {
    names: ["paste", "raw_paste_global_conf"], flags: ["--paste", "--paster", "--paste-global"],
    because: "PasteDeploy is Python's",
    instead: "write tsgi.config.ts",
  },
  {
    names: ["logconfig", "logconfig_dict", "logconfig_json"], flags: ["--log-config", "--log-config-json"],
    because: "it is the configuration of Python's logging",
    instead: "take --log-level, --log-format, --error-logfile and --access-logfile",
  },
  {
    names: ["logger_class"], flags: ["--logger-class"],
    because: "lines are written by the server alone, so that nothing an application logs can hold it up or forge one",
    instead: "take --log-format json and --access-logformat, or --log-syslog to a program of your own",
  },
  {
    names: ["ssl_version", "suppress_ragged_eofs", "do_handshake_on_connect"], flags: ["--ssl-version", "--suppress-ragged-eofs", "--do-handshake-on-connect"],
    because: "it is an option of Python's ssl module",
    instead: "leave it out",
  },
  {
    names: ["dirty_apps", "dirty_workers", "dirty_timeout", "dirty_threads", "dirty_graceful_timeout", "on_dirty_starting", "dirty_post_fork", "dirty_worker_init", "dirty_worker_exit"],
    flags: ["--dirty-app", "--dirty-workers", "--dirty-timeout", "--dirty-threads", "--dirty-graceful-timeout"],
    because: "there is no second pool of workers",
    instead: "run what is heavy in worker threads of the application, or in a second tsgi on a unix socket",
  },
  {
    names: ["http2_max_concurrent_streams", "http2_initial_window_size", "http2_max_frame_size", "http2_max_header_list_size"],
    flags: ["--http2-max-concurrent-streams", "--http2-initial-window-size", "--http2-max-frame-size", "--http2-max-header-list-size"],
    because: "the native servers do not let it be set",
    instead: "set it in the proxy in front",
  },
];

/** Why `written`, a flag or a config file's key in any spelling, is not there, as the end of an error; null for what gunicorn has not either. */
export function whyUnsupported(written: string): string | null {
  const word = plain(written);
  const row = UNSUPPORTED.find(({ names, flags }) => [...names, ...flags].some((name) => plain(name) === word));
  return row === undefined ? null : `${row.because}; ${row.instead}`;
}

/** The part of SETTINGS.md. */
export function unsupportedPart(): string {
  const rows = UNSUPPORTED.map(({ names, because, instead }) => `| ${names.map((name) => `\`${name}\``).join(", ")} | ${because} | ${instead} |\n`);
  return `${HEAD}${rows.join("")}`;
}

const HEAD = `## Not supported

What gunicorn has and tsgi will not. To give one of them is an error that says the same.

| gunicorn's | because | instead |
|---|---|---|
`;

function plain(name: string): string {
  return name.replace(/[-_]/g, "").toLowerCase();
}
