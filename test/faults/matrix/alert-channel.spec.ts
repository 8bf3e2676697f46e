import { describeRow } from './describe-row';

describeRow('alert channel');
