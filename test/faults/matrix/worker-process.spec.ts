import { describeRow } from './describe-row';

describeRow('worker process');
