/** The nearest of several words to a wrong one, for "did you mean". */

/** The word among `candidates` that `written` is likely a slip of, or the only one that it begins. */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  const word = plain(written);
  const begun = word.length < 3 ? [] : candidates.filter((candidate) => plain(candidate).startsWith(word));
  if (begun.length === 1) return begun[0];
  // Two slips in a short word make it another word.
  const allowed = Math.min(2, Math.max(1, Math.floor(word.length / 3)));
  let best: string | undefined;
  let least = allowed + 1;
  for (const candidate of candidates) {
    const slips = distance(word, plain(candidate));
    if (slips < least) [best, least] = [candidate, slips];
  }
  return best;
}

/** Without case and separators. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}

/** Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b` (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
