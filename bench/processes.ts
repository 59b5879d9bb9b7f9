/** What the operating system says of a process and everything it started. Linux: /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  /** Seconds of CPU of all threads of all processes of the tree, those that have ended included. */
  readonly cpu: number;
  /** Bytes. */
  readonly rss: number;
  /** Bytes; pages that are shared count in part. */
  readonly pss: number;
}

/** USER_HZ: what /proc counts ticks in, on every Linux that matters. */
const TICKS = 100;

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It ended while we looked.
    return "";
  }
}

/** `root` and its descendants. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const known = children.get(parent);
    if (known) known.push(Number(name));
    else children.set(parent, [Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/**
 * utime + stime + those of children that were waited for, of /proc/<pid>/stat: ticks of 10 ms, all
 * threads included. The scheduler's own count of the threads that live (schedstat) is exact to the
 * nanosecond but forgets a thread that ends, so the larger of the two is taken.
 */
function cpuOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0) / TICKS;
  let exact = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`))
      exact += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(" ")[0] ?? 0) / 1e9;
  } catch {
    // It ended while we looked.
  }
  return Math.max(ticks, exact);
}

export function usageOf(root: number): Usage {
  let cpu = 0;
  let rss = 0;
  let pss = 0;
  for (const pid of treeOf(root)) {
    cpu += cpuOf(pid);
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    rss += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
    pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
  }
  return { cpu, rss, pss };
}

/** CPU alone: reading memory of a large process takes milliseconds, of ours and of its own locks. */
export function cpuOfTree(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + cpuOf(pid), 0);
}

export function signalTree(root: number, signal: NodeJS.Signals): void {
  for (const pid of treeOf(root)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended while we looked.
    }
  }
}

/** Seconds of CPU of a process's first thread: in Node the one that serves. */
export function cpuOfMainThread(pid: number): number {
  return Number(read(`/proc/${pid}/task/${pid}/schedstat`).split(" ")[0] ?? 0) / 1e9;
}
