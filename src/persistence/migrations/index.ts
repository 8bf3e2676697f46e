export { Initial1795287600000 } from './1795287600000-initial';
