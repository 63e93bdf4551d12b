/** The corpus: every case. */
import type { Case } from "./case.ts";
import { BODY_CASES } from "./corpus_bodies.ts";
import { FIELD_CASES } from "./corpus_fields.ts";
import { LINE_CASES } from "./corpus_lines.ts";
import { CONNECTION_CASES } from "./corpus_connections.ts";

export const CORPUS: readonly Case[] = [...LINE_CASES, ...FIELD_CASES, ...BODY_CASES, ...CONNECTION_CASES];
