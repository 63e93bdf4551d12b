/** What the contestants do, so that each does the same: the application of each way, and its bare counterpart, agree on these. */
export const HELLO = "Hello, World!\n";
export const TEXT = { "content-type": "text/plain" } as const;
export const CHUNK = "x".repeat(1024);
export const TEN: readonly string[] = Array.from({ length: 10 }, () => CHUNK);
export const MEBIBYTE = new Uint8Array(2 ** 20).fill(120);
/** Chunks of 1 KiB, one by one. */
export const STREAMED = 1000;
/** The path of the file that is sent, made by the harness. */
export const FILE_VARIABLE = "TSGI_BENCH_FILE";
