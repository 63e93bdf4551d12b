/**
 * Talks to the arbiter. The token goes into a header, which EventSource cannot send, so that the events are read by hand. It is kept for
 * this tab and this origin alone.
 */
import type { Entry } from "../../core/admin/journal.ts";
import type { Start, View } from "../../core/admin/view.ts";

export interface Listener {
  start(data: Start): void;
  view(data: View): void;
  entry(data: Entry): void;
  refused(wasWrong: boolean): void;
  lost(reason: string): void;
}

const KEY = "tsgi-admin-token";
const [FIRST_WAIT, LONGEST_WAIT] = [1000, 10_000];

export class Connection {
  readonly #listener: Listener;
  #token = sessionStorage.getItem(KEY);
  #wait = FIRST_WAIT;
  #reading: AbortController | null = null;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  open(): void {
    this.#reading?.abort();
    if (this.#token === null && "token" in document.documentElement.dataset) return this.#listener.refused(false);
    this.#reading = new AbortController();
    void this.#follow(this.#reading.signal);
  }

  use(token: string): void {
    this.#token = token;
    this.open();
  }

  forget(): void {
    this.#reading?.abort();
    this.#token = null;
    sessionStorage.removeItem(KEY);
  }

  /** Resolves with the answer; rejects with an Error that says why it was not done. */
  async post(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(path, { method: "POST", headers: this.#headers() });
    const isJson = response.headers.get("content-type") === "application/json";
    const answer = isJson ? (await response.json()) as Record<string, unknown> : { error: (await response.text()).trim() };
    if (!response.ok) throw new Error(String(answer.error));
    return answer;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const response = await fetch("/events", { headers: this.#headers(), cache: "no-store", signal });
        if (response.status === 401) return this.#refused();
        if (!response.ok || response.body === null) throw new Error((await response.text()).trim());
        if (this.#token !== null) sessionStorage.setItem(KEY, this.#token);
        this.#wait = FIRST_WAIT;
        await this.#read(response.body);
        if (!signal.aborted) this.#listener.lost("trying again");
      } catch (error) {
        if (signal.aborted) return;
        this.#listener.lost(error instanceof TypeError ? "the server does not answer" : (error as Error).message);
      }
      await new Promise((resolve) => setTimeout(resolve, this.#wait));
      this.#wait = Math.min(LONGEST_WAIT, this.#wait * 1.5);
    }
  }

  #refused(): void {
    const wasWrong = this.#token !== null;
    this.forget();
    this.#listener.refused(wasWrong);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    let text = "";
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const blocks = (text + next.value).split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) this.#heard(block);
    }
  }

  #heard(block: string): void {
    const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? [];
    if (name === "start" || name === "view" || name === "entry") this.#listener[name](JSON.parse(data!));
  }

  #headers(): Record<string, string> {
    return this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
  }
}
