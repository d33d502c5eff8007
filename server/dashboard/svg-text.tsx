/** A line of text in a picture. It is as wide as it was laid out for, whatever font the viewer has. */
import { fitted, isMeasured, type Lettering, widthOf } from './text-width.ts';

interface LineProps {
  readonly class?: string;
  readonly x: number;
  readonly y: number;
  readonly lettering: Lettering;
  readonly widthMax: number;
  readonly isCentred?: boolean;
  readonly text: string;
  /** What it says in full, where the text was cut before. */
  readonly whole?: string;
}

export function Line({ class: name, x, y, lettering, widthMax, isCentred, text, whole = text }: LineProps) {
  const shown = fitted(text, widthMax, lettering);
  const width = isMeasured(shown) ? widthOf(shown, lettering).toFixed(1) : undefined;
  return (
    <text
      class={name}
      x={x}
      y={y}
      text-anchor={isCentred ? 'middle' : undefined}
      textLength={width}
      lengthAdjust={width === undefined ? undefined : 'spacingAndGlyphs'}
    >
      {shown !== whole && <title>{whole}</title>}
      {shown}
    </text>
  );
}
