// SPDX-License-Identifier: Apache-2.0

// Package javatime reads points in time by the patterns of Java, such as
// yyyy-MM-dd HH:mm:ss.SSS, as the settings of Kafka Connect use them.
//
// A pattern is compiled once, when a transform is made: letters in runs become fields,
// text in single quotes and everything that is no letter stands for itself. Parse
// then goes through pattern and text side by side. It is strict where Java is lenient:
// there is no 31st of February, and nothing may follow. The data of time zones is
// part of the program, so that an answer does not depend on the machine.
package javatime
