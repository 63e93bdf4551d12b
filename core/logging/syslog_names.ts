/** The words that settings of syslog may be. Apart from syslog.ts, so that the table of settings needs nothing else of it. */

/** gunicorn's names, and the numbers of RFC 5424. */
export const FACILITIES = {
  auth: 4, authpriv: 10, cron: 9, daemon: 3, ftp: 11, kern: 0, lpr: 6, mail: 2, news: 7, security: 4, syslog: 5, user: 1, uucp: 8,
  local0: 16, local1: 17, local2: 18, local3: 19, local4: 20, local5: 21, local6: 22, local7: 23,
} as const;

export const FACILITY_NAMES = Object.keys(FACILITIES) as readonly (keyof typeof FACILITIES)[];

export const SYSLOG_FORMATS = ["gunicorn", "rfc5424"] as const;
