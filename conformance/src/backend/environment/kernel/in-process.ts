import type { KernelObject, Linux } from '@overlay/linux';
import type { ViewItem } from '../view.js';

/** A part of a backend's data path that is in its own process, where nobody but it can look. */
export interface InProcess {
  /** The kind whose objects it is, as the backend gave it to the reconciler. */
  readonly kind: string;
  /** One of them in words, in parts that belong to one family or to none; without what changes by itself. */
  readonly show: (object: KernelObject) => readonly Pick<ViewItem, 'key' | 'text' | 'family'>[];
}

/** Milliseconds for what is not even a system call. */
const PATIENCE_MS = 5000;

/** What processes hold of their data paths. */
export async function processItems(running: Iterable<Linux>, shown: readonly InProcess[]): Promise<ViewItem[]> {
  const items: ViewItem[] = [];
  for (const linux of running) {
    for (const { kind, show } of shown) {
      const objects = await linux.reconciler.read(kind, AbortSignal.timeout(PATIENCE_MS));
      for (const part of objects.flatMap(show)) items.push({ ...part, kind: 'process', device: '', raw: {} });
    }
  }
  return items;
}
