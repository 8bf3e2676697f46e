import { describeRow } from './describe-row';

describeRow('redis');
