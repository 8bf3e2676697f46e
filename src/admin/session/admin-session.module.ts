import { Module } from '@nestjs/common';
import { AdminAccess } from './admin-access';
import { AdminSessionController } from './admin-session.controller';
import { AdminGuard } from './admin.guard';
import { SupportGuard } from './support.guard';

/** Signing in to what is for admins only. Needs a `TokenVerifier`, a `FailureReporter` and the configuration. */
@Module({
  providers: [AdminAccess, AdminGuard, SupportGuard],
  controllers: [AdminSessionController],
  exports: [AdminAccess, AdminGuard, SupportGuard],
})
export class AdminSessionModule {}
