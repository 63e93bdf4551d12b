/** The two local times of the logs. Both are made once per second: a busy server writes thousands of lines in each. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** `[2026-11-20 15:07:07 +0000]`, for the error log. `at` is in milliseconds since 1970. */
export const errorLogTime = oncePerSecond((date) =>
  `[${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(date)} ${offset(date)}]`
);

/** `[20/Nov/2026:15:07:09 +0000]`, for the access log. `at` is in milliseconds since 1970. */
export const accessLogTime = oncePerSecond((date) =>
  `[${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}:${clock(date)} ${offset(date)}]`
);

function oncePerSecond(format: (date: Date) => string): (at: number) => string {
  let made = Number.NaN;
  let text = "";
  return (at) => {
    const second = Math.floor(at / 1000);
    if (second !== made) {
      text = format(new Date(second * 1000));
      made = second;
    }
    return text;
  };
}

function clock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `+0530`. The sign of getTimezoneOffset is the other way round: minutes to add to local time to have UTC. */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
