/** The two local times of the logs. Both are made once per second: a busy server writes thousands of lines in each. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

let minutesAhead = (at: number): number => -new Date(at).getTimezoneOffset();

/** From now on `ahead` tells how many minutes local time is ahead of UTC, where Date is slow to. */
export function setZone(ahead: (at: number) => number): void {
  minutesAhead = ahead;
}

/** `[2026-11-20 15:07:07 +0000]`, for the error log. `at` is in milliseconds since 1970. */
export const errorLogTime = oncePerSecond((local, ahead) =>
  `[${local.getUTCFullYear()}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())} ${clock(local)} ${offset(ahead)}]`
);

/** `[20/Nov/2026:15:07:09 +0000]`, for the access log. `at` is in milliseconds since 1970. */
export const accessLogTime = oncePerSecond((local, ahead) =>
  `[${two(local.getUTCDate())}/${MONTHS[local.getUTCMonth()]}/${local.getUTCFullYear()}:${clock(local)} ${offset(ahead)}]`
);

function oncePerSecond(format: (local: Date, ahead: number) => string): (at: number) => string {
  let made = Number.NaN;
  let text = "";
  return (at) => {
    const second = Math.floor(at / 1000);
    if (second !== made) {
      const ahead = minutesAhead(second * 1000);
      text = format(new Date(second * 1000 + ahead * 60_000), ahead);
      made = second;
    }
    return text;
  };
}

function clock(local: Date): string {
  return `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
}

/** `+0530`. */
function offset(ahead: number): string {
  const size = Math.abs(ahead);
  return `${ahead < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
