CREATE TABLE "Job" (
    "id" SERIAL PRIMARY KEY,
    "teacherId" INTEGER,
    "status" TEXT,
    "createdAt" TIMESTAMP(3),
    "priority" INTEGER
);
CREATE TABLE "XPAudit" (
    "id" SERIAL PRIMARY KEY,
    "userId" INTEGER,
    "createdAt" TIMESTAMP(3),
    "reason" TEXT
);
CREATE TABLE "SystemLog" (
    "id" SERIAL PRIMARY KEY,
    "userId" INTEGER,
    "level" TEXT,
    "createdAt" TIMESTAMP(3)
);
CREATE TABLE "Class" (
    "id" SERIAL PRIMARY KEY,
    "name" TEXT,
    "grade" INTEGER,
    "teacherId" INTEGER
);
CREATE TABLE "Student" (
    "id" SERIAL PRIMARY KEY,
    "classId" INTEGER,
    "email" TEXT
);
CREATE TABLE "Teacher" (
    "id" SERIAL PRIMARY KEY,
    "schoolId" INTEGER,
    "email" TEXT
);
CREATE TABLE "School" (
    "id" SERIAL PRIMARY KEY,
    "region" TEXT
);
CREATE TABLE "Lesson" (
    "id" SERIAL PRIMARY KEY,
    "classId" INTEGER,
    "date" TIMESTAMP(3)
);
CREATE TABLE "Attendance" (
    "id" SERIAL PRIMARY KEY,
    "lessonId" INTEGER,
    "studentId" INTEGER
);
CREATE TABLE "Grade" (
    "id" SERIAL PRIMARY KEY,
    "studentId" INTEGER,
    "lessonId" INTEGER
);
CREATE TABLE "Message" (
    "id" SERIAL PRIMARY KEY,
    "senderId" INTEGER,
    "receiverId" INTEGER,
    "sentAt" TIMESTAMP(3)
);
