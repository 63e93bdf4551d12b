/** The pages that tell a developer what went wrong: HTML for a browser, text for everybody else. */

/** A page: its media type, and its text. */
export interface Page {
  readonly type: string;
  readonly text: string;
}

/** What a page says, in either form. `content` is HTML, to be shown below the title. */
export interface PageParts {
  readonly title: string;
  readonly content: string;
  readonly text: string;
}

/** The page in the form that an Accept header asks for: HTML where it names it. */
export function choosePage(accept: string | undefined, { title, content, text }: PageParts): Page {
  const isHtml = wantsHtml(accept);
  return { type: `text/${isHtml ? "html" : "plain"}; charset=utf-8`, text: (isHtml ? html(title, content) : text).toWellFormed() };
}

/** Text as HTML, in an element or an attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function wantsHtml(accept: string | undefined): boolean {
  return accept?.split(",").some((range) => /^\s*text\/html\s*(?:;(?!\s*q=0(?:\.0*)?\s*$)|$)/i.test(range)) ?? false;
}

function html(title: string, content: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }
h1 { font-size: 1.25rem; color: #a00; }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto; }
th { text-align: left; vertical-align: top; padding-right: 1rem; font-weight: normal; color: #555; }
td { font-family: monospace; word-break: break-all; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${content}
</body>
</html>
`;
}
