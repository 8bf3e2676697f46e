import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ErrorsController } from './errors.controller';
import { HttpProblemFilter } from './http-problem.filter';

/** The catalogue over HTTP, and problems as answers of every HTTP handler of the application. */
@Module({
  controllers: [ErrorsController],
  providers: [{ provide: APP_FILTER, useClass: HttpProblemFilter }],
})
export class ErrorsHttpModule {}
