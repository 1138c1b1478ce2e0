import { loadAddon } from '@overlay/linux';

declare const opaque: unique symbol;

/** A native engine; only the addon looks inside. */
export interface EngineHandle {
  readonly [opaque]: 'engine';
}

/** What an engine is at, and which offloads it uses. All false while it is stopped. */
export interface EngineState {
  readonly running: boolean;
  /** The device was deleted while it ran. */
  readonly lost: boolean;
  /** Super-packets of TCP and of UDP pass the device whole. */
  readonly tso: boolean;
  readonly uso: boolean;
  /** Many datagrams leave, and arrive, with one system call. */
  readonly segmentation: boolean;
  readonly grouping: boolean;
}

/**
 * The functions of the addon; native/engine/addon.c says more, records.ts has the layouts. None of them waits for a packet
 * or calls back. Errors that they throw carry `errno` (positive) and `syscall`.
 */
export interface NativeEngine {
  create(): EngineHandle;
  /** Can be done at any time; packets that are on the way see the old or the new values. */
  configure(engine: EngineHandle, mtu: number, filter: number, subnets: Uint8Array, addresses: Uint8Array): void;
  setPeers(engine: EngineHandle, records: Uint8Array): void;
  start(
    engine: EngineHandle,
    device: string,
    queues: number,
    transmitQueue: number,
    endpoints: Uint8Array,
    netns: string | undefined,
  ): void;
  /** Ends the threads; the device stays, and so do the peers. */
  stop(engine: EngineHandle): void;
  close(engine: EngineHandle): void;
  /** Packets and bytes sent, received; then drops and passes, each by the reasons of {@link REASONS}. */
  counters(engine: EngineHandle): number[];
  /** Packets and bytes sent, received; undefined for a number that no peer has. */
  peerTraffic(engine: EngineHandle, number: number): number[] | undefined;
  /** Numbers as IEEE doubles: of each peer that has sent or received something its own, then as {@link peerTraffic}. */
  traffic(engine: EngineHandle): ArrayBuffer;
  state(engine: EngineHandle): EngineState;
  /** Peers (their number) whose subnets sent from elsewhere (16 bytes), since it was last asked. */
  strays(engine: EngineHandle): number[][];
}

/** Loads the addon. @throws OverlayError `OVERLAY_NATIVE_MISSING`. */
export function loadNativeEngine(base: string | URL = import.meta.url): NativeEngine {
  return loadAddon({
    file: 'udp-engine.node',
    title: 'the UDP engine',
    build: '`node native/build.mjs` in packages/backend-udp (needs gcc)',
    base,
  }) as NativeEngine;
}
