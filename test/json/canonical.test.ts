import { expect, it } from 'vitest';
import { canonical } from '../../json/canonical.ts';

it('writes JSON as RFC 8785 does', () => {
  // Of its section 3.2.2 and 3.2.3, but for the numbers, and with what is sorted by code units and not by code points.
  const value = {
    string: '€$\u000f\nA\'B"\\\\"/',
    literals: [null, true, false],
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
    absent: undefined,
  };
  expect(canonical(value)).toBe(
    '{"\\r":"Carriage Return","1":"One","literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/",' +
      '"\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face",' +
      '"\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  );
});
