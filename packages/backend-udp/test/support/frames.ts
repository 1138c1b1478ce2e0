import type { Capture } from '@overlay/lab';

const ETHERNET = 14;

/** The IP packets of a capture, without their Ethernet headers. */
export async function packetsOf(capture: Capture): Promise<readonly Buffer[]> {
  const text = await capture.text(['-xx']);
  const frames = text.split(/^(?=\S)/m).filter((part) => part.includes('\t0x'));
  return frames.map((part) => {
    const lines = [...part.matchAll(/^\s+0x[\da-f]+: +((?:[\da-f]{2,4} ?)+)/gm)];
    return Buffer.from(lines.map(([, words]) => words.replaceAll(' ', '')).join(''), 'hex').subarray(ETHERNET);
  });
}
