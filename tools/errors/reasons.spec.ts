import { uncoveredReasons } from './reasons';

const CATALOGUE = { path: 'src/errors/catalogue/kitchen.ts', text: `'PAN_HOT' 'PAN_COLD'` };
const REASONS = ['PAN_HOT', 'PAN_COLD'];

it('is content with reasons that are raised and tested', () => {
  const files = [
    CATALOGUE,
    { path: 'src/gateway/cook.ts', text: `throw ComponentError.factory('PAN_HOT')` },
    { path: 'packages/protocol/src/pan.ts', text: 'because("PAN_COLD")' },
    { path: 'test/e2e/cook.spec.ts', text: `it('PAN_HOT'); expect(reason).toBe('PAN_COLD')` },
  ];
  expect(uncoveredReasons(REASONS, files)).toEqual([]);
});

it.each([
  ['the catalogue', CATALOGUE],
  ['the list of the protocol', { path: 'packages/protocol/src/schemas/reasons.ts', text: `'PAN_HOT', 'PAN_COLD'` }],
  ['a comment', { path: 'src/gateway/cook.ts', text: '/** PAN_HOT or PAN_COLD. */' }],
  ['a longer name', { path: 'src/gateway/cook.ts', text: `'PAN_HOT_AND_COLD' 'A_PAN_COLD'` }],
  ['a fixture', { path: 'src/gateway/cook.fixture.ts', text: `'PAN_HOT' 'PAN_COLD'` }],
])('does not take a reason in %s for raised', (_, file) => {
  const specs = { path: 'src/gateway/cook.spec.ts', text: 'PAN_HOT PAN_COLD' };
  expect(uncoveredReasons(REASONS, [file, specs])).toEqual([
    'PAN_HOT: nothing raises it',
    'PAN_COLD: nothing raises it',
  ]);
});

it('does not take a longer name, or what is no spec, for a test', () => {
  const files = [
    { path: 'src/gateway/cook.ts', text: `'PAN_HOT' 'PAN_COLD'` },
    { path: 'src/gateway/cook.spec.ts', text: 'PAN_HOT_AND_COLD' },
    { path: 'test/support/cook.ts', text: 'PAN_COLD' },
  ];
  expect(uncoveredReasons(REASONS, files)).toEqual(['PAN_HOT: no spec names it', 'PAN_COLD: no spec names it']);
});
