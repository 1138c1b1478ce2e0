/**
 * Calls an action once whatever has come by now has been read. Timers run before sockets are read: in a process that got no
 * processor for a while, an answer may lie there when the time for it is over.
 *
 * @returns what cancels it
 */
export function afterReading(action: () => void): () => void {
  const immediate = setImmediate(action);
  return () => clearImmediate(immediate);
}
