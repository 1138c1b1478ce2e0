import { attributesWith, endpointFor } from '../endpoints.js';
import type { LeaseAttributes } from '../lease.js';
import type { Carrier } from './carrier.js';

/** Puts together what a host publishes; gives the same object as long as nothing of it is another. */
export class Publication {
  #inputs: readonly unknown[] = [];
  #attributes: LeaseAttributes | undefined;

  /** `carriers`: those whose endpoints are published, the favourite first; undefined while one has told nothing yet. */
  of(primary: Carrier, carriers: readonly Carrier[]): LeaseAttributes | undefined {
    const inputs = [primary, ...carriers].flatMap((carrier) => [carrier.id, carrier.source.latest]);
    if (inputs.length === this.#inputs.length && inputs.every((input, at) => input === this.#inputs[at])) {
      return this.#attributes;
    }
    this.#inputs = inputs;
    const { latest } = primary.source;
    const endpoints = carriers.flatMap(({ backend, source }) =>
      source.latest === undefined ? [] : endpointFor(backend, source.latest),
    );
    this.#attributes = latest && attributesWith(latest, endpoints);
    return this.#attributes;
  }
}
