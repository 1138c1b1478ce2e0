import type { ObjectIndex } from './object-index.js';
import type { Kind, KernelObject, Sighting } from './kind.js';

/** The sighting of an object that has been read already. */
export class ReadSighting<D extends KernelObject> implements Sighting<D> {
  constructor(
    private readonly kind: Pick<Kind<D>, 'satisfies'>,
    private readonly index: ObjectIndex<D>,
    private readonly object: D,
  ) {}

  get hash(): number {
    return this.index.hash(this.object);
  }

  hasKeyOf(wanted: D): boolean {
    return this.index.sameKey(this.object, wanted);
  }

  satisfies(wanted: D): boolean {
    return this.kind.satisfies(this.object, wanted);
  }

  read(): D {
    return this.object;
  }
}
