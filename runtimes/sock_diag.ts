/**
 * The kernel's TCP sockets over netlink (sock_diag(7)): only those that listen or are established, and only at the ports asked for.
 *
 * The kernel walks all its sockets for that, and writes out none of the others: /proc/net/tcp has a line for each of a hundred thousand in
 * TIME_WAIT. A reply is there as soon as the request was sent, so nothing here waits.
 */
import { constants } from "node:os";
import type { SocketRow } from "../core/metrics/socket_table.ts";
import { bytes, FAMILY, type Libc, SystemError } from "./libc.ts";
import { hostOf } from "./socket_address.ts";

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const [NLMSG_ERROR, NLMSG_DONE] = [2, 3];
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const IPPROTO_TCP = 6;
const [ESTABLISHED, LISTEN] = [1, 10];
const INET_DIAG_REQ_BYTECODE = 1;
const [JMP, S_GE, S_LE] = [1, 2, 3];

/** struct nlmsghdr. */
const HEADER = 16;
/** struct inet_diag_req_v2. */
const REQUEST = 56;
/** Offsets in struct inet_diag_msg. */
const AT = { state: 1, port: 4, host: 8, queue: 56, inode: 68 } as const;
const MESSAGE = 72;
/** The kernel makes its replies as large as the room it is given, up to 32 KiB. */
const ROOM = 32_768;
/** Instructions for one port: two comparisons with their operands, and a jump. */
const STEP = 20;

export interface Wanted {
  readonly families: readonly ("v4" | "v6")[];
  readonly ports: readonly number[];
}

/** Throws {@linkcode SystemError} where the kernel refuses. */
export function askSockets(c: Libc, { families, ports }: Wanted): SocketRow[] {
  if (ports.length === 0) return [];
  const fd = c.netlinkSocket(NETLINK_SOCK_DIAG);
  try {
    return families.flatMap((family, sequence) => {
      const asked = request(family, { ports, sequence });
      c.send(fd, asked, asked.length);
      return receive(c, fd, { family, sequence });
    });
  } finally {
    c.close(fd);
  }
}

function request(family: "v4" | "v6", { ports, sequence }: { readonly ports: readonly number[]; readonly sequence: number }): Uint8Array {
  const filter = portFilter(ports);
  const message = bytes(HEADER + REQUEST + 4 + filter.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, sequence, true);
  message[HEADER] = FAMILY[family];
  message[HEADER + 1] = IPPROTO_TCP;
  view.setUint32(HEADER + 4, (1 << LISTEN) | (1 << ESTABLISHED), true);
  view.setUint16(HEADER + REQUEST, 4 + filter.length, true);
  view.setUint16(HEADER + REQUEST + 2, INET_DIAG_REQ_BYTECODE, true);
  message.set(filter, HEADER + REQUEST + 4);
  return message;
}

/**
 * A program of struct inet_diag_bc_op (code, `yes`, `no`, where the latter two are how far to go on) that lets a local port of `ports` pass:
 * who comes to the end exactly passes, who goes beyond does not. An operand is the `no` of the instruction after. Older kernels have no `==`.
 */
function portFilter(ports: readonly number[]): Uint8Array {
  const program = new Uint8Array(ports.length * STEP);
  const view = new DataView(program.buffer);
  ports.forEach((port, i) => {
    const at = i * STEP;
    const left = program.length - at;
    const next = left === STEP ? STEP + 4 : STEP;
    const write = (offset: number, [code, yes, no]: readonly [number, number, number]) => {
      program[at + offset] = code;
      program[at + offset + 1] = yes;
      view.setUint16(at + offset + 2, no, true);
    };
    write(0, [S_GE, 8, next]);
    write(4, [0, 0, port]);
    write(8, [S_LE, 8, next - 8]);
    write(12, [0, 0, port]);
    write(16, [JMP, 4, left - 16]);
  });
  return program;
}

/** Reads datagrams to the message that says it was the last. */
function receive(c: Libc, fd: number, { family, sequence }: { readonly family: "v4" | "v6"; readonly sequence: number }): SocketRow[] {
  const rows: SocketRow[] = [];
  const room = bytes(ROOM);
  const view = new DataView(room.buffer);
  const addressOf = addresses(room, family === "v4" ? 4 : 16);
  for (;;) {
    const came = c.receive(fd, room);
    if (came < HEADER) throw garbled();
    for (let at = 0; at < came;) {
      const length = at + HEADER <= came ? view.getUint32(at, true) : 0;
      if (length < HEADER || at + length > came || view.getUint32(at + 8, true) !== sequence) throw garbled();
      const type = view.getUint16(at + 4, true);
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const error = length >= HEADER + 4 ? view.getInt32(at + HEADER, true) : 0;
        if (error < 0 || type === NLMSG_ERROR) throw new SystemError("sock_diag", -error);
        return rows;
      }
      if (type === SOCK_DIAG_BY_FAMILY && length >= HEADER + MESSAGE) {
        const body = at + HEADER;
        const state = room[body + AT.state];
        if (state === LISTEN) rows.push({ address: addressOf(body), state: "listening", queued: view.getUint32(body + AT.queue, true) });
        // What nobody has accepted has no inode, and is in the queue of its listener.
        else if (view.getUint32(body + AT.inode, true) !== 0) rows.push({ address: addressOf(body), state: "accepted" });
      }
      at += (length + 3) & ~3;
    }
  }
}

function garbled(): SystemError {
  return new SystemError("recv", constants.errno.EPROTO);
}

/** Reads the local address of the message at an offset. Most have the one before's: a text for each would take longer than all the rest. */
function addresses(room: Uint8Array, size: 4 | 16): (body: number) => SocketRow["address"] {
  const known = new Uint8Array(AT.host + size);
  let last: SocketRow["address"] | null = null;
  return (body) => {
    let isKnown = last !== null;
    for (let i: number = AT.port; isKnown && i < AT.host + size; i++) isKnown = i === AT.port + 2 || i === AT.port + 3 || known[i] === room[body + i];
    if (isKnown) return last!;
    known.set(room.subarray(body, body + AT.host + size));
    const port = (known[AT.port]! << 8) | known[AT.port + 1]!;
    return (last = { kind: "tcp", host: hostOf(known.subarray(AT.host)), port });
  };
}
