/** Splits a text into words as a POSIX shell does, without expanding anything; Python's `shlex.split`, which gunicorn reads its variable with. */

/** The words of `text`. Throws SyntaxError when a quote is not closed, or when nothing follows a backslash. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    if (letter === "\\" && quote !== "'") {
      const next = text[++i];
      if (next === undefined) throw new SyntaxError("Nothing follows the last backslash");
      // Between double quotes a backslash protects only these two, and is itself otherwise.
      word = (word ?? "") + (quote === '"' && next !== '"' && next !== "\\" ? letter + next : next);
    } else if (quote !== "") {
      if (letter === quote) quote = "";
      else word += letter;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + letter;
    }
  }
  if (quote !== "") throw new SyntaxError(`A ${quote} is not closed`);
  if (word !== null) words.push(word);
  return words;
}
