export * from './schemas/errors';
export * from './schemas/events';
export * from './schemas/handshake';
export * from './schemas/reasons';
export * from './schemas/requests';
export * from './schemas/results';
export * from './schemas/views';
