import type { ConfigEvent } from '@overlay/core';
import { errorText, parseNetConf } from '@overlay/core';
import { distinctUntilChanged, filter, map, merge, Observable } from 'rxjs';
import type { StoreKeys } from '../store/store-keys.js';
import type { LeaseView } from './lease-view.js';

/** The configuration under `<prefix>/config`, as it is read and whenever it changes. */
export function storedConfig(view: LeaseView, keys: StoreKeys): Observable<ConfigEvent> {
  return new Observable<ConfigEvent>((subscriber) => {
    const look = (): Reading => {
      if (view.ready) return { text: view.book.config };
      const trouble = view.trouble.value;
      return trouble === undefined ? {} : { trouble };
    };
    const subscription = merge(view.touched, view.trouble)
      .pipe(
        map(look),
        filter((reading) => view.ready || reading.trouble !== undefined),
        distinctUntilChanged((a, b) => a.text === b.text && a.trouble === b.trouble),
        map((reading) => eventOf(reading, keys)),
      )
      .subscribe(subscriber);
    view.start();
    return subscription;
  });
}

interface Reading {
  readonly text?: string;
  /** Why there has been no answer at all yet. */
  readonly trouble?: string;
}

function eventOf({ text, trouble }: Reading, { config }: StoreKeys): ConfigEvent {
  if (trouble !== undefined) return { type: 'waiting', reason: trouble };
  if (text === undefined) {
    return { type: 'waiting', reason: `etcd has no key ${config} yet; put the network's net-conf.json there` };
  }
  try {
    return { type: 'config', netConf: parseNetConf(text, { source: `etcd ${config}` }) };
  } catch (error) {
    return { type: 'refused', problem: errorText(error) };
  }
}
