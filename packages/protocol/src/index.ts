export * from './answer';
export * from './constants';
export * from './cursor';
export * from './errors';
export * from './events';
export * from './requests';
export * from './text';
export * from './views';
