/** Prints how many minutes local time is ahead of UTC, as the C library and as Date know it, in January and in July. */
import { requireLibc } from "../../../runtimes/libc.ts";

const times = [Date.UTC(2027, 0, 1), Date.UTC(2027, 6, 1)];
console.log(JSON.stringify([times.map(requireLibc().minutesAhead), times.map((at) => -new Date(at).getTimezoneOffset())]));
